"""Several replicas on one Kafka, asked and watched from outside: who polls what, how often, and what each one answers."""
