"""What the Sensor Logger app's pushed documents mean: readings with gravity, in m/s² and Android's signs."""
