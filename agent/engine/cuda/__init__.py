"""The engine on a GPU: whole sequences, FlashAttention, recorded steps."""
