"""Learning from few labels: test errors of ten methods on the same draws of labels, beside the published ones.

Every method sees the same labelled examples in a draw, as many of each class (`scratchgen.hide_labels`, its seed is the
number of the draw), and the same test set. What learns without labels, the VAEs of rows (c) and (d), is trained once,
on all training examples, and serves all draws and numbers of labels. "80/20" pools the training and the test examples
of the data set, labels 80 % of them and tests on the others; each draw has its own split.

Rows, in the order of the table:

(a) logistic regression on the pixels; (b) a network with the layers of M2's classifier on the pixels, trained on the
labels alone, as scikit-learn trains its own (its units are rectified linear also where those of the models are
softplus: with softplus it was worse, on MNIST with 100 labels by a point); (c) logistic regression on the codes of a
VAE 784-400-20; (d) M1: logistic regression and a support-vector machine on the codes of a VAE 784-500-500-50; (e) the
prediction-constrained VAE, with and without consistency; M2; M1 + M2 on the VAE of (d); a conditional VAE by Bayes'
rule over its classes. On digits of 8x8 pixels the networks are smaller; under a name that ends in "-conv" they are
convolutional, (b) too.

Cells are kept in the results file as they come: a run that is interrupted goes on from there. A cell of other settings
is not taken for one of these. The table gives mean and standard deviation over the draws; for each method the
difference from the better of (a) and (b), paired over the draws, with its 95 % interval by Student's t; the published
error and how far the mean lies from it; and below, M1 + M2 against M2, paired too.

    python -m benchmarks.few_labels                                       # 8x8 digits: minutes on two cores
    python -m benchmarks.few_labels --pictures few-labels                 # and the latent spaces, and the accuracies
    python -m benchmarks.few_labels --data mnist --labels 100 --scale 0.1 --out few-labels.json
    python -m benchmarks.few_labels --data mnist cifar10 cifar10-conv --backend cuda --out few-labels.json

References
----------
D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling: "Semi-supervised learning with deep generative models", NeurIPS
2014, table 1.
"""
