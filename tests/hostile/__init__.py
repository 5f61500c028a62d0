"""What a hostile client can send, over bare TCP connections: it is bounded, and nobody else notices."""
