"""Autoencoders: an encoder, a decoder, and what keeps the code from being a mere copy of the data.

=============  ==================================================================================
module         holds
=============  ==================================================================================
autoencoder    the loss, the two networks and their use; alone, the undercomplete autoencoder
denoising      the encoder sees corrupted data
sparse         a penalty on the code: L1, or the KL divergence of its mean activations
contractive    a penalty on the Jacobian of the encoder
jacobian       how the code of an example moves with its features
pca            the reconstruction error beside that of PCA
=============  ==================================================================================
"""
