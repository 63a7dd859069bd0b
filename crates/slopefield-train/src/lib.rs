//! Noise models, losses, optimisers and recipes.
