"""Message brokers from which back ends' notifications are taken: RabbitMQ, Kafka, NATS JetStream, Redis Streams.

One `Supervisor` keeps a consumer per queue at work. Whatever the broker, a message goes the same way: `cloudevents`
reads it, `take` says what is to be done, `intake` does it in order and tells the broker, which is one of `base.Broker`.
"""
