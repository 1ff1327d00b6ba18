"""The mock Live Avatar platform: REST dispatcher and session coordinator."""
