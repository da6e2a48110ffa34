"""Export to C: code generation, int8 nets, linking for a device, emulation."""
