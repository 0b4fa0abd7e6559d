"""Many 3D heads from one occluded face photo: fit what is visible, complete it, and spread what is not."""
