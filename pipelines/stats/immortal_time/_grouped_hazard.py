"""Proportional hazards of operations that are recorded at few times: grouped, exact however many are tied.

With H0 growing by theta_j at time t_j, the probability that person i, at risk there, is operated is
1 - exp(-theta_j exp(b x_i)). That is the hazard model itself seen through whole days or months, so
exp(-H) is what is left at every size of tie; Breslow's and Efron's likelihoods are approximations to it.
"""
