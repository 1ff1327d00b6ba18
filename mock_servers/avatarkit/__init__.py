"""The mock AvatarKit platform: console API and ingress."""
