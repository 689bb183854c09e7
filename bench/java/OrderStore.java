import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The tables of the order service, over one connection. A batch takes four round trips. */
final class OrderStore {
  /** What a key's row holds: the version that is applied, and the event that made it. */
  private record Guard(long version, String eventId) {}

  private static final Guard NONE = new Guard(0, null);

  private record Statement(String text, Object... values) {}

  private static final String LOCK_POSITIONS =
      "SELECT partition, next_offset FROM inbox_position WHERE topic_id = ? AND partition = ANY (?) ORDER BY 1 FOR UPDATE";
  private static final String ADD_POSITIONS =
      "INSERT INTO inbox_position (topic_id, partition, topic, next_offset) SELECT ?, p, ?, 0 FROM unnest(?) AS p"
          + " ORDER BY p ON CONFLICT DO NOTHING";
  private static final String MOVE_POSITIONS =
      "UPDATE inbox_position AS p SET next_offset = new.next FROM unnest(?, ?) AS new (partition, next)"
          + " WHERE p.topic_id = ? AND p.partition = new.partition";
  // As the batch will most likely leave them: who is new needs no second write.
  private static final String INSERT_KEYS =
      "INSERT INTO inbox_key (key, applied_version, event_id, applied_at)"
          + " SELECT key, version, event_id, CASE WHEN version > 0 THEN now() END"
          + " FROM unnest(?, ?, ?) AS new (key, version, event_id) ORDER BY key ON CONFLICT DO NOTHING";
  private static final String LOCK_KNOWN_KEYS =
      "SELECT key, applied_version, event_id FROM inbox_key WHERE key = ANY (?)"
          + " AND xmin <> pg_current_xact_id()::xid ORDER BY key FOR UPDATE";
  private static final String SAVE_KEYS =
      "UPDATE inbox_key AS k SET applied_version = new.version, event_id = new.event_id, applied_at = now()"
          + " FROM unnest(?, ?, ?) AS new (key, version, event_id) WHERE k.key = new.key";
  private static final String SAVE_ORDERS =
      "INSERT INTO orders (order_id, version, status, customer_id, shipping_cost, body)"
          + " SELECT order_id, version, status, customer_id, shipping_cost, body::json"
          + " FROM unnest(?, ?, ?, ?, ?, ?) AS new (order_id, version, status, customer_id, shipping_cost, body)"
          + " ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, status = excluded.status,"
          + " customer_id = excluded.customer_id, shipping_cost = excluded.shipping_cost, body = excluded.body,"
          + " updated_at = now()";
  // Numbers in the order of commits: the lock is held until then.
  private static final String LOCK_TOPIC_KEYS = "SELECT pg_advisory_xact_lock(hashtextextended('topic_keys ' || ?, 0))";
  private static final String ADD_TOPIC_KEYS =
      "INSERT INTO topic_keys (topic, last, keys) SELECT ?, coalesce(max(last), 0) + cardinality(?), ?"
          + " FROM topic_keys WHERE topic = ?";

  private final Connection connection;
  private final String topic;
  private final UUID topicId;

  OrderStore(String url, String topic, UUID topicId) throws SQLException {
    // Plans that are kept while a table is young must not scan it when it has grown.
    connection = DriverManager.getConnection(url + "&prepareThreshold=1&options=-c%20enable_seqscan=off");
    connection.setAutoCommit(false);
    this.topic = topic;
    this.topicId = topicId;
  }

  Map<Integer, Long> positions() {
    try (var statement = connection.prepareStatement("SELECT partition, next_offset FROM inbox_position WHERE topic_id = ?")) {
      statement.setObject(1, topicId);
      var positions = positionsOf(statement.executeQuery());
      connection.commit();
      return positions;
    } catch (SQLException error) {
      throw new IllegalStateException(error);
    }
  }

  /** All of it in one transaction. False, and nothing is stored, where the positions are not those that were read from. */
  boolean apply(Map<Integer, Long> from, Map<Integer, Long> next, List<OrderEvents.Event> events) {
    try {
      if (!lockPositions(from.keySet()).equals(from)) {
        connection.rollback();
        return false;
      }
      var expected = expectedKeys(events);
      var known = lockKeys(expected);
      var guards = new HashMap<String, Guard>(known);
      var states = new LinkedHashMap<String, OrderEvents.Event>();
      for (var event : events) {
        var guard = guards.getOrDefault(event.orderId(), NONE);
        if (event.version() == guard.version() && !event.eventId().equals(guard.eventId()))
          throw new IllegalStateException("two events of " + event.orderId() + ", version " + event.version());
        if (event.version() <= guard.version()) continue;
        if (event.version() > guard.version() + 1)
          throw new IllegalStateException("versions of " + event.orderId() + " before " + event.version() + " are missing");
        guards.put(event.orderId(), new Guard(event.version(), event.eventId()));
        states.put(event.orderId(), event);
      }
      save(states.values(), known, expected.keySet(), next);
      connection.commit();
      return true;
    } catch (SQLException error) {
      throw new IllegalStateException(error);
    }
  }

  private Map<Integer, Long> lockPositions(Collection<Integer> partitions) throws SQLException {
    Object wanted = array("int4", partitions.toArray());
    try (var statement = prepare(new Statement(LOCK_POSITIONS, topicId, wanted))) {
      var positions = positionsOf(statement.executeQuery());
      if (positions.size() == partitions.size()) return positions;
    }
    execute(List.of(new Statement(ADD_POSITIONS, topicId, topic, wanted)));
    return lockPositions(partitions);
  }

  /** How far each key gets if it is new and the versions that came of it are complete. */
  private static Map<String, Guard> expectedKeys(List<OrderEvents.Event> events) {
    var keys = new LinkedHashMap<String, Guard>();
    for (var event : events) {
      var before = keys.getOrDefault(event.orderId(), NONE);
      if (event.version() == before.version() + 1) keys.put(event.orderId(), new Guard(event.version(), event.eventId()));
      else keys.putIfAbsent(event.orderId(), NONE);
    }
    return keys;
  }

  /** Inserts those that are missing, locks all, and gives those that were there. */
  private Map<String, Guard> lockKeys(Map<String, Guard> expected) throws SQLException {
    Object keys = texts(expected.keySet());
    var known = new HashMap<String, Guard>();
    try (var statement = prepare(new Statement(INSERT_KEYS, keys, versions(expected.values()), eventIds(expected.values())))) {
      if (statement.executeUpdate() == expected.size()) return known;
    }
    try (var statement = prepare(new Statement(LOCK_KNOWN_KEYS, keys))) {
      var rows = statement.executeQuery();
      while (rows.next()) known.put(rows.getString(1), new Guard(rows.getLong(2), rows.getString(3)));
    }
    return known;
  }

  private void save(
      Collection<OrderEvents.Event> states, Map<String, Guard> known, Collection<String> keys, Map<Integer, Long> next)
      throws SQLException {
    var statements = new ArrayList<Statement>();
    if (!states.isEmpty()) statements.add(saveOrders(states));
    var changed = new LinkedHashMap<String, Guard>();
    for (var event : states)
      if (known.containsKey(event.orderId())) changed.put(event.orderId(), new Guard(event.version(), event.eventId()));
    if (!changed.isEmpty())
      statements.add(new Statement(SAVE_KEYS, texts(changed.keySet()), versions(changed.values()), eventIds(changed.values())));
    statements.add(
        new Statement(MOVE_POSITIONS, array("int4", next.keySet().toArray()), array("int8", next.values().toArray()), topicId));
    var created = keys.stream().filter(key -> !known.containsKey(key)).toList();
    if (!created.isEmpty()) {
      Object list = texts(created);
      statements.add(new Statement(LOCK_TOPIC_KEYS, topic));
      statements.add(new Statement(ADD_TOPIC_KEYS, topic, list, list, topic));
    }
    execute(statements);
  }

  private Statement saveOrders(Collection<OrderEvents.Event> states) throws SQLException {
    int size = states.size();
    var ids = new String[size];
    var versions = new Long[size];
    var statuses = new String[size];
    var customers = new String[size];
    var costs = new BigDecimal[size];
    var bodies = new String[size];
    int n = 0;
    for (var event : states) {
      ids[n] = event.orderId();
      versions[n] = event.version();
      statuses[n] = event.status();
      customers[n] = event.customerId();
      costs[n] = event.shippingCost();
      bodies[n++] = event.body();
    }
    return new Statement(
        SAVE_ORDERS, array("text", ids), array("int8", versions), array("text", statuses), array("text", customers),
        array("numeric", costs), array("text", bodies));
  }

  /** In one round trip: the driver sends what is joined by semicolons at once. */
  private void execute(List<Statement> statements) throws SQLException {
    var text = String.join("; ", statements.stream().map(Statement::text).toList());
    var values = statements.stream().flatMap(statement -> java.util.Arrays.stream(statement.values())).toArray();
    try (var statement = prepare(new Statement(text, values))) {
      statement.execute();
    }
  }

  /** Prepared once a connection: the driver keeps it under its text. */
  private PreparedStatement prepare(Statement statement) throws SQLException {
    var prepared = connection.prepareStatement(statement.text());
    for (int n = 0; n < statement.values().length; n++) prepared.setObject(n + 1, statement.values()[n]);
    return prepared;
  }

  private Object texts(Collection<String> values) throws SQLException {
    return array("text", values.toArray(String[]::new));
  }

  private Object versions(Collection<Guard> guards) throws SQLException {
    return array("int8", guards.stream().map(Guard::version).toArray(Long[]::new));
  }

  private Object eventIds(Collection<Guard> guards) throws SQLException {
    return array("text", guards.stream().map(Guard::eventId).toArray(String[]::new));
  }

  private Object array(String type, Object[] values) throws SQLException {
    return connection.createArrayOf(type, values);
  }

  private static Map<Integer, Long> positionsOf(ResultSet rows) throws SQLException {
    var positions = new HashMap<Integer, Long>();
    while (rows.next()) positions.put(rows.getInt(1), rows.getLong(2));
    return positions;
  }
}
