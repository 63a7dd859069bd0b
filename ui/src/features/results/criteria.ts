// What the numbers that tell how good a fit is mean: the same words beside one run and between two.

export const MEANINGS = {
  loss: "What training makes small",
  likelihood: "Of all points that were trained on, where all of them have a noise model",
  holdOut: "Loss on what was held out",
  aic: "Akaike's criterion: the smaller the better, a difference of 10 is much",
  bic: "Schwarz's criterion: as AIC, with a higher price for parameters",
} as const;
