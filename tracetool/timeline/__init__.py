"""The timeline: accesses, the operations they make up, and the blocks they touch."""
