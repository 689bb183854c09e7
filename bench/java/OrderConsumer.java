import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The order service's consumer in Java, for the benchmark: what a poll brings, up to 1,000 records, is one transaction of
 * positions, version guards, states and the topic's keys. Each thread has a consumer and a connection of its own. The
 * promises are the order service's (each event once in effect, in its key's order, whatever is killed), but for parking: a
 * record that cannot be applied ends the process.
 *
 * <p>Arguments: brokers, registry URL, JDBC URL, the file of the reader's schema, topic, threads.
 */
final class OrderConsumer implements Runnable, ConsumerRebalanceListener {
  private static final int MAX_RECORDS = 1_000;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final OrderStore store;
  private final OrderEvents events;
  /** Up to where each partition was taken from the consumer. */
  private final Map<Integer, Long> reached = new HashMap<>();

  private OrderConsumer(KafkaConsumer<byte[], byte[]> consumer, OrderStore store, OrderEvents events) {
    this.consumer = consumer;
    this.store = store;
    this.events = events;
  }

  public static void main(String[] args) throws Exception {
    String brokers = args[0];
    String topic = args[4];
    Schema schema = new Schema.Parser().parse(new java.io.File(args[3]));
    UUID topicId = topicId(brokers, topic);
    for (int n = 0; n < Integer.parseInt(args[5]); n++) {
      var consumer = new KafkaConsumer<byte[], byte[]>(configuration(brokers, topicId + args[2]));
      var store = new OrderStore(args[2], topic, topicId);
      var worker = new OrderConsumer(consumer, store, new OrderEvents(args[1], schema));
      consumer.subscribe(List.of(topic), worker);
      var thread = new Thread(worker, "consumer-" + n);
      thread.setUncaughtExceptionHandler((failed, error) -> {
        error.printStackTrace();
        Runtime.getRuntime().halt(1);
      });
      thread.start();
    }
  }

  private static Properties configuration(String brokers, String group) {
    var properties = new Properties();
    properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    properties.put(ConsumerConfig.GROUP_ID_CONFIG, UUID.nameUUIDFromBytes(group.getBytes()).toString());
    properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, MAX_RECORDS);
    return properties;
  }

  private static UUID topicId(String brokers, String topic) throws Exception {
    try (var admin = Admin.create(Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, (Object) brokers))) {
      var id = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
      return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits());
    }
  }

  /** The positions are the database's, not Kafka's. */
  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    rewind(partitions);
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    for (var partition : partitions) reached.remove(partition.partition());
  }

  @Override
  public void run() {
    while (true) {
      var records = consumer.poll(Duration.ofMillis(100));
      if (records.isEmpty()) continue;
      if (!store.apply(from(records), next(records), events.decode(records))) rewind(records.partitions());
      else next(records).forEach(reached::put);
    }
  }

  private void rewind(Collection<TopicPartition> partitions) {
    var positions = store.positions();
    for (var partition : partitions) {
      long position = positions.getOrDefault(partition.partition(), 0L);
      consumer.seek(partition, position);
      reached.put(partition.partition(), position);
    }
  }

  private Map<Integer, Long> from(ConsumerRecords<byte[], byte[]> records) {
    var from = new HashMap<Integer, Long>();
    for (var partition : records.partitions()) from.put(partition.partition(), reached.get(partition.partition()));
    return from;
  }

  /** Behind the markers of transactions, too. */
  private static Map<Integer, Long> next(ConsumerRecords<byte[], byte[]> records) {
    var next = new HashMap<Integer, Long>();
    for (Map.Entry<TopicPartition, OffsetAndMetadata> entry : records.nextOffsets().entrySet())
      next.put(entry.getKey().partition(), entry.getValue().offset());
    return next;
  }
}
