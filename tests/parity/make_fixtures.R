# Makes the numbers of fixtures/*.json anew from R's own packages.
# Usage: Rscript make_fixtures.R fixtures
# Needs survival >= 3.8, MatchIt >= 4.7.1 (4.5.1 to 4.5.3 ignore the caliper), cobalt, jsonlite. Reads the CSV
# files of the folder and writes the JSON files beside them.
library(survival)
library(jsonlite)

folder <- commandArgs(TRUE)[1]
read <- function(name) read.csv(file.path(folder, paste0(name, ".csv")))

save <- function(name, data, call, value, packages = "survival") {
  versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
  versions <- c(list(R = paste(R.version$major, R.version$minor, sep = ".")), versions)
  content <- list(name = name, data = data, call = call, versions = versions, value = value)
  write_json(content, file.path(folder, paste0(name, ".json")),
             digits = 15, auto_unbox = TRUE, na = "null", pretty = TRUE)
}

# Newton's method stopped late, so that the last digits are R's and not those of its stopping rule.
converged <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)

lung <- read("lung_months")

# --- Cox models -----------------------------------------------------------------------------------------

fitted_numbers <- function(model) {
  list(coef = as.list(coef(model)), var = unname(model$var),
       naive_var = if (is.null(model$naive.var)) NULL else unname(model$naive.var),
       loglik = model$loglik, score = model$score, wald = unname(model$wald.test),
       n = model$n, nevent = model$nevent)
}

with_summary <- function(model) {
  c(fitted_numbers(model),
    list(concordance = unname(summary(model)$concordance[1]), conf_int_95 = unname(confint(model))))
}

plain <- Surv(month, dead) ~ age + sex + ph.ecog
by_sex <- Surv(month, dead) ~ age + ph.ecog + strata(sex)
late <- Surv(entry, month, dead) ~ age + sex + ph.ecog
late_by_sex <- Surv(entry, month, dead) ~ age + ph.ecog + strata(sex)

for (ties in c("efron", "breslow")) {
  named <- function(design) paste0("cox_", ties, design)
  # do.call hands over values: names in `...` would be looked up in the data, where they are not.
  cox <- function(design, formula, ...) {
    model <- do.call(coxph, list(formula, data = lung, ties = ties, ...))
    how <- paste0("coxph(", deparse(formula), ", ties = '", ties, "') ", gsub("_", " ", design))
    save(named(design), "lung_months", trimws(how), with_summary(model))
    model
  }
  model <- cox("", plain)
  cox("_cluster", plain, cluster = lung$inst)
  cox("_robust", plain, robust = TRUE)
  cox("_weights_cluster", plain, weights = lung$w, cluster = lung$inst)
  cox("_strata", by_sex)
  cox("_left_truncated", late)
  cox("_left_truncated_weights_cluster_strata", late_by_sex, weights = lung$w, cluster = lung$inst)

  save(named("_residuals"), "lung_months", "residuals(model, type)",
       list(martingale = unname(residuals(model, "martingale")),
            dfbeta = unname(residuals(model, "dfbeta")),
            schoenfeld = unname(residuals(model, "schoenfeld")),
            scaled_schoenfeld = unname(residuals(model, "scaledsch"))))

  person <- data.frame(age = 60, sex = 1, ph.ecog = 1)
  curve <- survfit(model, newdata = person)
  save(named("_survival_curve"), "lung_months", "survfit(model, newdata = age 60, sex 1, ph.ecog 1)",
       list(time = curve$time, surv = curve$surv, cumhaz = curve$cumhaz, std_err = curve$std.err))

  for (transform in c("km", "identity", "rank", "log")) {
    test <- cox.zph(model, transform = transform)$table
    save(named(paste0("_zph_", transform)), "lung_months", paste0("cox.zph(model, '", transform, "')"),
         list(rows = rownames(test), chisq = unname(test[, 1]), df = unname(test[, 2]),
              p = unname(test[, 3])))
  }
}

ridge_model <- coxph(Surv(month, dead) ~ ridge(age, sex, ph.ecog, theta = 10, scale = FALSE), lung)
save("cox_ridge", "lung_months", "ridge(age, sex, ph.ecog, theta = 10, scale = FALSE)",
     list(coef = as.list(setNames(coef(ridge_model), c("age", "sex", "ph.ecog")))))

for (robust in c(FALSE, TRUE)) {
  model <- coxph(plain, lung, weights = w, robust = robust, control = converged)
  save(if (robust) "x_cox_weights_robust" else "x_cox_weights_model", "lung_months",
       paste0("coxph(weights = w, robust = ", robust, ")"), fitted_numbers(model))
}

model <- coxph(late_by_sex, lung, weights = w, robust = FALSE, control = converged)
deaths <- order(lung$sex, lung$month)
deaths <- deaths[lung$dead[deaths] == 1]
save("x_cox_residuals_weighted", "lung_months", "residuals of the weighted, stratified, left-truncated model",
     list(martingale = unname(residuals(model, "martingale")), score = unname(residuals(model, "score")),
          dfbeta = unname(residuals(model, "dfbeta")), schoenfeld = unname(residuals(model, "schoenfeld")),
          schoenfeld_row = deaths, schoenfeld_time = lung$month[deaths]))

lung$ecog <- factor(pmin(lung$ph.ecog, 2))
lung$fem <- as.integer(lung$sex == 2)
small <- coxph(Surv(month, dead) ~ age + fem + ecog, lung, control = converged)
full <- coxph(Surv(month, dead) ~ age + fem * ecog, lung, control = converged)
b <- coef(full)
v <- vcov(full)
crossed <- grep(":", names(b))
pair <- c("fem", "fem:ecog2")
save("x_cox_interaction", "lung_months", "coxph(~ age + fem * factor(pmin(ph.ecog, 2)))",
     list(names = names(b), coef = unname(b), var = unname(v),
          joint_wald_interaction = list(chisq = drop(b[crossed] %*% solve(v[crossed, crossed], b[crossed])),
                                        df = length(crossed)),
          lrt_interaction = list(chisq = 2 * (full$loglik[2] - small$loglik[2]), df = length(crossed)),
          hr_fem_within_ecog2 = list(log_hr = sum(b[pair]), se = sqrt(sum(v[pair, pair])))))

factor_test <- cox.zph(coxph(Surv(month, dead) ~ age + ecog + strata(fem), lung, control = converged))$table
save("x_zph_factor_strata", "lung_months", "cox.zph(coxph(~ age + ecog + strata(fem)), 'km', terms = TRUE)",
     list(rows = rownames(factor_test), chisq = unname(factor_test[, 1]), df = unname(factor_test[, 2])))

visits <- read("pbcseq_tv")
changing <- Surv(start, stop, death) ~ trt + age + logbili
for (ties in c("efron", "breslow")) {
  model <- coxph(changing, visits, cluster = id, ties = ties, control = converged)
  unclustered <- coxph(changing, visits, ties = ties, control = converged)
  save(paste0("x_cox_time_dependent_", ties), "pbcseq_tv", "coxph(cluster = id); cox.zph without the cluster",
       c(fitted_numbers(model),
         list(zph_chisq = unname(cox.zph(unclustered)$table[, 1]),
              martingale_by_id = unname(rowsum(residuals(model, "martingale"), visits$id)[, 1]))))
}

# --- Kaplan-Meier and log-rank --------------------------------------------------------------------------

curve_numbers <- function(curve) {
  list(strata = unname(curve$strata), time = curve$time, n_risk = curve$n.risk, n_event = curve$n.event,
       surv = curve$surv, std_err = curve$std.err, lower = curve$lower, upper = curve$upper)
}
scale_of_error <- function(curve) list(std_err_is = if (isTRUE(curve$logse)) "SE of log S" else "SE of S")

for (type in c("log", "log-log", "plain", "logit")) {
  curve <- survfit(Surv(month, dead) ~ sex, lung, conf.type = type)
  save(paste0("km_", sub("-", "", type)), "lung_months", paste0("survfit(~ sex, conf.type = '", type, "')"),
       c(curve_numbers(curve),
         list(n_censor = curve$n.censor, table = unname(summary(curve)$table),
              quantiles = lapply(quantile(curve, c(.25, .5, .75)), unname),
              at_6_12_24 = unname(summary(curve, times = c(6, 12, 24), extend = TRUE)$surv))))
}

curve <- survfit(Surv(entry, month, dead) ~ sex, lung, conf.type = "log-log")
middle <- quantile(curve, .5)
save("x_km_left_truncated", "lung_months", "survfit(Surv(entry, month, dead) ~ sex, conf.type = 'log-log')",
     c(curve_numbers(curve), scale_of_error(curve),
       list(median = unname(middle$quantile[, 1]), median_lower = unname(middle$lower[, 1]),
            median_upper = unname(middle$upper[, 1]))))

for (robust in c(FALSE, TRUE)) {
  curve <- survfit(Surv(month, dead) ~ sex, lung, weights = w, robust = robust, conf.type = "log-log")
  save(if (robust) "x_km_weights_robust" else "x_km_weights_model", "lung_months",
       paste0("survfit(weights = w, robust = ", robust, ")"), c(curve_numbers(curve), scale_of_error(curve)))
}

flat <- survfit(Surv(c(1, 2, 3, 4, 6, 8, 9, 10), c(1, 1, 1, 1, 0, 1, 1, 0)) ~ 1)
save("x_km_median_flat", "inline", "quantile(survfit, c(.25, .5, .75), conf.int = FALSE)",
     list(surv = flat$surv, quantile = unname(quantile(flat, c(.25, .5, .75), conf.int = FALSE))))

median_of <- function(time, event) unname(quantile(survfit(Surv(time, event) ~ 1), .5)$quantile)
save("x_km_reverse_deaths_first", "lung_months", "the censored are put half a month later",
     list(median = floor(median_of(lung$month + (lung$dead == 0) / 2, 1 - lung$dead)),
          median_plain_flip = median_of(lung$month, 1 - lung$dead)))

by_arm <- survfit(Surv(month, dead) ~ sex, lung)
restricted <- function(tau) summary(by_arm, rmean = tau)$table[, c("rmean", "se(rmean)")]
both <- lapply(c(12, 24), restricted)
save("x_rmst_difference", "lung_months", "restricted means, sex 2 minus sex 1",
     list(tau = c(12, 24), difference = sapply(both, function(t) t[2, 1] - t[1, 1]),
          se = sapply(both, function(t) sqrt(sum(t[, 2]^2)))))

for (rho in 0:1) {
  test <- survdiff(Surv(month, dead) ~ sex, lung, rho = rho)
  save(paste0("logrank_rho", rho), "lung_months", paste0("survdiff(~ sex, rho = ", rho, ")"),
       list(obs = test$obs, exp = test$exp, chisq = test$chisq, p = test$pvalue))
}
test <- survdiff(Surv(month, dead) ~ sex + strata(ph.ecog), lung)
save("logrank_stratified", "lung_months", "survdiff(~ sex + strata(ph.ecog))",
     list(chisq = test$chisq, p = test$pvalue))
test <- survdiff(Surv(month, dead) ~ ecog, lung)
scores <- 0:2
save("x_logrank_3groups", "lung_months", "survdiff(~ ecog); trend with scores 0, 1, 2",
     list(obs = unname(test$obs), exp = unname(test$exp), var = unname(test$var), chisq = test$chisq, df = 2,
          trend_chisq = sum(scores * (test$obs - test$exp))^2 / drop(scores %*% test$var %*% scores)))

# --- Propensity, matching, balance ----------------------------------------------------------------------

treatment <- treat ~ age + educ + race + married + nodegree + re74 + re75
read_lalonde <- function(name) {
  people <- read(name)
  people$race <- factor(people$race, c("black", "hispan", "white"))
  people
}
spreads <- function(logit, treated) {
  arms <- c(var(logit[treated]), var(logit[!treated]))
  list(total = sd(logit), pooled = sqrt(mean(arms)), treated = sqrt(arms[1]), control = sqrt(arms[2]))
}
score_model <- function(people) glm(treatment, binomial, people, control = glm.control(1e-15, 100))

people <- read_lalonde("lalonde")
model <- score_model(people)
save("x_propensity_converged", "lalonde", "glm(control = glm.control(epsilon = 1e-15))",
     list(coef = as.list(coef(model)), se = unname(sqrt(diag(vcov(model)))), ps = unname(fitted(model)),
          logit = unname(predict(model)), sd_logit = spreads(predict(model), people$treat == 1)), "stats")

score <- fitted(model)
treated <- people$treat == 1
weights <- list(ate = ifelse(treated, 1 / score, 1 / (1 - score)),
                att = ifelse(treated, 1, score / (1 - score)),
                overlap = ifelse(treated, 1 - score, score),
                matching = pmin(score, 1 - score) / ifelse(treated, score, 1 - score))
size <- function(w) sum(w)^2 / sum(w^2)
for (estimand in names(weights)) {
  w <- unname(weights[[estimand]])
  table <- cobalt::bal.tab(treatment, data = people, weights = w, method = "weighting", un = TRUE,
                           s.d.denom = "pooled", stats = c("m", "v", "ks"))$Balance
  save(paste0("weights_", estimand), "lalonde", "cobalt::bal.tab(s.d.denom = 'pooled')",
       list(weights = w, ess = list(treated = size(w[treated]), control = size(w[!treated])),
            balance_rows = rownames(table), balance = table[, sapply(table, is.numeric)]), "cobalt")
}

people <- read_lalonde("lalonde_noties")
logit <- unname(predict(score_model(people)))
spread <- spreads(logit, people$treat == 1)
match_and_save <- function(name, extra = list(), ...) {
  found <- MatchIt::matchit(treatment, people, distance = logit, ...)$match.matrix
  controls <- apply(found, 1, function(row) as.integer(row[!is.na(row)]), simplify = FALSE)
  save(name, "lalonde_noties", "matchit(distance = logit, ...)",
       c(list(logit = logit, sd_logit = spread), extra,
         list(treated = as.integer(rownames(found)), control = unname(controls),
              n_matched_treated = sum(rowSums(!is.na(found)) > 0))), "MatchIt")
}
for (order in c("closest", "largest", "smallest", "data")) {
  match_and_save(paste0("x_match_", order), m.order = order)
  for (kind in names(spread)) {
    width <- 0.02 * spread[[kind]]
    match_and_save(paste0("x_match_", order, "_caliper_", kind),
                   list(caliper_multiple = 0.02, caliper_sd = kind, caliper_width = width),
                   m.order = order, caliper = width, std.caliper = FALSE)
  }
}
match_and_save("x_match_replace", replace = TRUE)
match_and_save("x_match_ratio2_largest", ratio = 2, m.order = "largest")
