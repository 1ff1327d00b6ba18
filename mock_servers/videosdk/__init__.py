"""The mock VideoSDK platform: dispatcher, room service, rooms, and a worker that renders."""
