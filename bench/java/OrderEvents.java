import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Currency;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecords;

/** From a record's bytes (a zero, the schema's id, the Avro body) to what the order service stores of an order. */
final class OrderEvents {
  /** {@code body} is the order as JSON. */
  record Event(
      String orderId, long version, String eventId, String status, String customerId, BigDecimal shippingCost, String body) {}

  private static final int FRAME = 5;
  private static final BigDecimal SHIPPING_RATE = new BigDecimal("0.02");
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

  private final String registryUrl;
  private final Schema schema;
  private final GenericData data = new GenericData().setFastReaderEnabled(true);
  private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
  private final JsonFactory json = new JsonFactory();
  private BinaryDecoder decoder;
  private GenericRecord reused;

  OrderEvents(String registryUrl, Schema schema) {
    this.registryUrl = registryUrl;
    this.schema = schema;
    readStrings(schema);
  }

  /** Otherwise Avro gives bytes, which are made a string each time that one is asked for. */
  private static void readStrings(Schema schema) {
    switch (schema.getType()) {
      case STRING -> GenericData.setStringType(schema, GenericData.StringType.String);
      case RECORD -> schema.getFields().forEach(field -> readStrings(field.schema()));
      case ARRAY -> readStrings(schema.getElementType());
      case UNION -> schema.getTypes().forEach(OrderEvents::readStrings);
      default -> {}
    }
  }

  List<Event> decode(ConsumerRecords<byte[], byte[]> records) {
    var events = new ArrayList<Event>(records.count());
    for (var record : records) {
      var event = decode(record.value());
      if (!event.orderId().equals(new String(record.key(), StandardCharsets.UTF_8)))
        throw new IllegalStateException("the event of " + event.orderId() + " has another key");
      events.add(event);
    }
    return events;
  }

  private Event decode(byte[] value) {
    try {
      var frame = ByteBuffer.wrap(value);
      if (frame.get() != 0) throw new IllegalStateException("not framed");
      var reader = readers.computeIfAbsent(frame.getInt(), this::reader);
      decoder = DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, decoder);
      reused = reader.read(reused, decoder);
      return event(reused);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private GenericDatumReader<GenericRecord> reader(int id) {
    var request = HttpRequest.newBuilder(URI.create(registryUrl + "/schemas/ids/" + id)).build();
    try (var client = HttpClient.newHttpClient()) {
      var answer = client.send(request, BodyHandlers.ofString());
      if (answer.statusCode() != 200) throw new IllegalStateException("no schema " + id + ": " + answer.body());
      var writer = new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").asText());
      return new GenericDatumReader<>(writer, schema, data);
    } catch (IOException | InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private Event event(GenericRecord event) throws IOException {
    var order = (GenericRecord) event.get("order");
    var total = money(order.get("totalAmount"));
    var currency = (String) order.get("currency");
    int digits = Currency.getInstance(currency).getDefaultFractionDigits();
    return new Event(
        (String) event.get("orderId"),
        (long) event.get("version"),
        (String) event.get("eventId"),
        (String) order.get("status"),
        (String) order.get("customerId"),
        total.multiply(SHIPPING_RATE).setScale(digits, RoundingMode.HALF_UP),
        body(order, total, currency));
  }

  private String body(GenericRecord order, BigDecimal total, String currency) throws IOException {
    var text = new StringWriter(512);
    try (JsonGenerator out = json.createGenerator(text)) {
      out.writeStartObject();
      out.writeStringField("orderId", (String) order.get("orderId"));
      out.writeStringField("customerId", (String) order.get("customerId"));
      out.writeStringField("orderDate", TIME.format(Instant.ofEpochMilli((long) order.get("orderDate"))));
      out.writeArrayFieldStart("items");
      for (var each : (List<?>) order.get("items")) {
        var item = (GenericRecord) each;
        out.writeStartObject();
        out.writeStringField("itemId", (String) item.get("itemId"));
        out.writeNumberField("quantity", (int) item.get("quantity"));
        out.writeFieldName("price");
        out.writeNumber(plain(money(item.get("price"))));
        out.writeEndObject();
      }
      out.writeEndArray();
      out.writeFieldName("totalAmount");
      out.writeNumber(plain(total));
      out.writeStringField("currency", currency);
      out.writeStringField("status", (String) order.get("status"));
      out.writeEndObject();
    }
    return text.toString();
  }

  private static BigDecimal money(Object bytes) {
    var buffer = (ByteBuffer) bytes;
    return new BigDecimal(new BigInteger(buffer.array(), buffer.position(), buffer.remaining()), 4);
  }

  private static String plain(BigDecimal amount) {
    return amount.stripTrailingZeros().toPlainString();
  }
}
