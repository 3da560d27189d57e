"""What a server with delayed events (MSC4140) does on the wire, a test for each statement."""
