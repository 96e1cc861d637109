# Scores other than plain logistic ones: Firth (brglm2), penalised (glmnet), three arms (nnet), and overlap.
suppressPackageStartupMessages({library(brglm2); library(glmnet); library(nnet)})
source("r/common.R")
people <- read("lalonde")
people$race <- factor(people$race, c("black", "hispan", "white"))
score_model <- treat ~ age + educ + race + married + nodegree + re74 + re75

# Firth's model of a rare outcome: twelve treated people, and every control.
rare <- people[people$treat == 0 | seq_len(nrow(people)) <= 12, ]
rare_model <- treat ~ age + educ + married + nodegree
firth <- glm(rare_model, binomial, rare, method = "brglmFit", type = "AS_mean", epsilon = 1e-13, maxit = 1000)
design <- model.matrix(rare_model, rare)
# Penalised log likelihood, and its profile: the score is solved for the other coefficients by Newton steps
# with numerical derivatives, the penalty being that of the whole model.
penalised <- function(b) {
  p <- plogis(drop(design %*% b))
  information <- crossprod(design * (p * (1 - p)), design)
  sum(dbinom(rare$treat, 1, p, log = TRUE)) + determinant(information)$modulus[1] / 2
}
units <- apply(design, 2, function(column) max(sd(column), 1e-3)); units[1] <- 1
profile_at <- function(j, value, start) {
  rest <- function(free) { b <- numeric(5); b[j] <- value; b[-j] <- free / units[-j]; -penalised(b) }
  found <- list(par = start[-j] * units[-j])
  for (again in 1:4) found <- optim(found$par, rest, method = "BFGS", control = list(reltol = 1e-16, maxit = 500))
  found
}
top <- penalised(coef(firth))
limit <- function(j, side) {
  error <- sqrt(vcov(firth)[j, j])
  gap <- function(value) -2 * (-profile_at(j, value, coef(firth))$value - top) - qchisq(.95, 1)
  uniroot(gap, coef(firth)[j] + side * error * c(.8, 4), tol = 1e-11)$root
}
profile_terms <- c(2, 4)
save_value("r_propensity_firth", "lalonde",
           "glm(treat ~ age + educ + married + nodegree, method = 'brglmFit', type = 'AS_mean') of the controls and the first 12 people; profile limits of age and married",
           list(coef = unname(coef(firth)), se = unname(sqrt(diag(vcov(firth)))), penalised_loglik = top,
                lower = sapply(profile_terms, limit, -1), upper = sapply(profile_terms, limit, 1),
                p = sapply(profile_terms, function(j) pchisq(2 * (top + profile_at(j, 0, coef(firth))$value), 1, lower.tail = FALSE))),
           "brglm2")

# Penalties of a given strength.
x <- model.matrix(score_model, people)[, -1]
for (kind in c("ridge", "lasso", "elastic_net")) {
  mix <- c(ridge = 0, lasso = 1, elastic_net = .5)[[kind]]
  fit <- glmnet(x, people$treat, "binomial", alpha = mix, lambda = .02, thresh = 1e-20, maxit = 1e7)
  save_value(paste0("r_propensity_", kind), "lalonde",
             sprintf("glmnet(x, treat, 'binomial', alpha = %g, lambda = 0.02, thresh = 1e-20)", mix),
             list(coef = as.numeric(coef(fit))), "glmnet")
}

# Three arms, with standard errors.
arms <- multinom(race ~ I(age / 10) + I(educ / 10) + married + nodegree, people, maxit = 5000, reltol = 1e-16,
                 abstol = 1e-16, trace = FALSE, Hess = TRUE)
save_value("r_propensity_three_arms", "lalonde",
           "multinom(race ~ I(age / 10) + I(educ / 10) + married + nodegree), reference black",
           list(coef = unname(coef(arms)), se = unname(summary(arms)$standard.errors), deviance = arms$deviance,
                scores_sum = unname(colSums(fitted(arms)))), "nnet")

# Overlap of plain logistic scores.
score <- unname(fitted(glm(score_model, binomial, people, control = glm.control(1e-15, 100))))
treated <- people$treat == 1
share <- mean(treated)
preference <- plogis(qlogis(score) - qlogis(share))
inside <- preference >= .3 & preference <= .7
g <- 1 / (score * (1 - score))
bend <- uniroot(function(k) 2 * mean(g[g <= k]) - k, c(4.2, max(g)), tol = 1e-13)$root
kept <- g <= bend
exact <- 2 * mean(g[kept])
save_value("r_propensity_overlap", "lalonde", "preference score, support, Crump's and Sturmer's limits, written out",
           list(preference = preference, support = c(max(min(score[treated]), min(score[!treated])), min(max(score[treated]), max(score[!treated]))),
                equipoise_treated = mean(inside[treated]), equipoise_control = mean(inside[!treated]),
                crump_limit = .5 - sqrt(.25 - 1 / exact), crump_kept = sum(kept),
                sturmer = unname(c(quantile(score[treated], .05), quantile(score[!treated], .95))),
                auc = unname(wilcox.test(score[treated], score[!treated], exact = FALSE)$statistic) / (sum(treated) * sum(!treated))),
           "stats")
