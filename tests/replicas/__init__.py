"""Several replicas on one Kafka, watched from outside: who polls what, how often, and what each one answers."""
