"""Reads order-events as any Kafka client would: plain consumer, schema registry, Avro. Nothing of this repository.

Checks of each record that its key is the order's id, that the headers say what the body says, that money is an exact
decimal whose items add up, and that each order's versions are 1, 2, 3, ... once repeats are left out.
"""
import argparse
import decimal
import sys
import uuid

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

arguments = argparse.ArgumentParser()
arguments.add_argument("--brokers", default="127.0.0.1:9092")
arguments.add_argument("--registry", default="http://127.0.0.1:8081/apis/ccompat/v7")
arguments.add_argument("--topic", default="order-events")
arguments.add_argument("--show", type=int, default=3, help="print this many events of the end")
options = arguments.parse_args()

deserialize = AvroDeserializer(SchemaRegistryClient({"url": options.registry}))
consumer = Consumer({"bootstrap.servers": options.brokers, "group.id": str(uuid.uuid4()), "enable.auto.commit": False})

metadata = consumer.list_topics(options.topic, timeout=10).topics[options.topic]
ends = {}
for partition in metadata.partitions:
    low, high = consumer.get_watermark_offsets(TopicPartition(options.topic, partition), timeout=10)
    if high > low:
        ends[partition] = high
consumer.assign([TopicPartition(options.topic, partition, 0) for partition in ends])

events = []
versions = {}
while ends:
    message = consumer.poll(10)
    if message is None:
        sys.exit("no record for 10 s, with partitions %s not read to their ends" % sorted(ends))
    if message.error():
        sys.exit(str(message.error()))
    event = deserialize(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
    order, headers = event["order"], {name: value.decode() for name, value in message.headers()}
    assert message.key().decode() == event["orderId"] == order["orderId"] == headers["ce_subject"]
    assert headers["ce_id"] == str(event["eventId"]) and headers["ce_type"] == event["type"]
    assert headers["order-version"] == str(event["version"])
    assert headers["content-type"] == "application/avro"
    assert isinstance(order["totalAmount"], decimal.Decimal)
    assert order["totalAmount"] == sum(item["price"] * item["quantity"] for item in order["items"])
    known = versions.get(event["orderId"], 0)
    assert event["version"] <= known + 1, "version %d of %s after %d" % (event["version"], event["orderId"], known)
    versions[event["orderId"]] = max(known, event["version"])
    events.append(event)
    if message.offset() + 1 >= ends[message.partition()]:
        del ends[message.partition()]
consumer.close()

for event in events[-options.show:]:
    print(event)
print("%d events of %d orders are as they should be" % (len(events), len(versions)))
