# E-values, Rosenbaum's bounds, Holm, interaction and cause-specific Cox models, written out or by survival.
source("r/common.R")
suppressPackageStartupMessages(library(survival))
tight <- coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14)

# ---- E-values, closed form
above <- function(rr) pmax(rr, 1 / rr)
e_value <- function(rr) above(rr) + sqrt(above(rr) * (above(rr) - 1))
as_rr <- function(hr) (1 - .5^sqrt(hr)) / (1 - .5^sqrt(1 / hr))
hr <- c(.56, .93, 1.04, 1.4, .36)
lower <- c(.40, .75, .81, 1.11, .29)
upper <- c(.77, 1.16, 1.34, 1.78, .45)
nearer <- ifelse(hr < 1, upper, lower)
save_value("x_evalue", "inline", "VanderWeele-Ding E-value, common-outcome conversion",
  list(hr = hr, lower = lower, upper = upper, rr = as_rr(hr), evalue = e_value(as_rr(hr)),
       evalue_limit = ifelse(lower <= 1 & upper >= 1, 1, e_value(as_rr(nearer))), evalue_rare = e_value(hr)),
  "stats")
# Ding and VanderWeele's risk difference: the first bias factor whose lower limit reaches zero, by a fine search.
lower_limit <- function(bf, p1, n1, p0, n0) {
  f <- n1 / (n1 + n0)
  v <- (p1 * (1 - p1) / n1 + bf^2 * p0 * (1 - p0) / n0) * (f + (1 - f) / bf)^2 +
    (p1 - p0 * bf)^2 * (1 - 1 / bf)^2 * f * (1 - f) / (n1 + n0)
  (p1 - p0 * bf) * (f + (1 - f) / bf) - qnorm(.975) * sqrt(v)
}
rd <- uniroot(lower_limit, c(1, 4), p1 = 397 / 515, n1 = 515, p0 = 78 / 195, n0 = 195, tol = 1e-14)$root
save_value("r_evalue_other_scales", "inline",
  "OR 0.6 (0.4-0.9) common and rare; SMD -0.42 (-0.7 to -0.1) by exp(0.91 d); RD 397/515 against 78/195",
  list(or_common = e_value(sqrt(c(.6, .9))), or_rare = e_value(c(.6, .9)), rr = e_value(c(.6, .9)),
       smd = e_value(exp(.91 * c(-.42, -.1))), rd = c(e_value(397 / 515 / (78 / 195)), e_value(rd)),
       hr_toward_093 = e_value(as_rr(.67) / as_rr(.93))), "stats")

# ---- Rosenbaum's bounds: pairs of the first and second eye of the diabetic retinopathy data, and made-up values
eyes <- retinopathy[order(retinopathy$id, retinopathy$trt), ]
eyes$futime <- round(eyes$futime, 4)
write.csv(eyes[, c("id", "trt", "futime", "status", "type", "age", "risk", "laser")],
          file.path(folder, "retinopathy.csv"), row.names = FALSE)
eyes <- read("retinopathy")
treated <- eyes[eyes$trt == 1, ]
control <- eyes[eyes$trt == 0, ]
stopifnot(identical(treated$id, control$id))
gammas <- c(1, 1.25, 1.5, 2, 3, 4)
binary <- function(for_us, discordant) sapply(gammas, function(g) {
  c(sum(dbinom(for_us:discordant, discordant, 1 / (1 + g))), sum(dbinom(for_us:discordant, discordant, g / (1 + g))))
})
scored <- function(size, better) sapply(gammas, function(g) {
  tail <- function(p) pnorm((sum(size[better]) - p * sum(size)) / sqrt(p * (1 - p) * sum(size^2)), lower.tail = FALSE)
  c(tail(1 / (1 + g)), tail(g / (1 + g)))
})
critical <- function(p_high) uniroot(function(g) p_high(g) - .05, c(1, 50), tol = 1e-13)$root
b <- sum(treated$status == 1 & control$status == 0)
c <- sum(treated$status == 0 & control$status == 1)
sooner <- sum(treated$status == 1 & (treated$futime < control$futime | (treated$futime == control$futime & control$status == 0)))
later <- sum(control$status == 1 & (control$futime < treated$futime | (treated$futime == control$futime & treated$status == 0)))
all_eyes <- rbind(treated, control)
fit <- survfit(Surv(futime, status) ~ 1, all_eyes, timefix = TRUE)
hazard <- stepfun(fit$time, c(0, cumsum(fit$n.event / fit$n.risk)))
score <- all_eyes$status - hazard(all_eyes$futime)
gap <- score[seq_len(nrow(treated))] - score[-seq_len(nrow(treated))]
gap <- gap[abs(gap) > 1e-12]
value <- function(bounds, at) list(p_low = bounds[1, ], p_high = bounds[2, ], critical = at)
save_value("r_rosenbaum_binary", "retinopathy", "McNemar by eye, dbinom at gamma / (1 + gamma)",
  c(list(gamma = gammas, discordant = c(b, c)),
    value(binary(c, b + c), critical(function(g) pbinom(c - 1, b + c, g / (1 + g), lower.tail = FALSE)))))
save_value("r_rosenbaum_survival_sign", "retinopathy", "which eye fails first, dbinom",
  c(list(gamma = gammas, first = c(sooner, later)),
    value(binary(later, sooner + later),
          critical(function(g) pbinom(later - 1, sooner + later, g / (1 + g), lower.tail = FALSE)))))
at_gamma <- function(size, better) function(g) {
  p <- g / (1 + g)
  pnorm((sum(size[better]) - p * sum(size)) / sqrt(p * (1 - p) * sum(size^2)), lower.tail = FALSE)
}
save_value("r_rosenbaum_survival_logrank", "retinopathy", "log-rank scores of all eyes, differences within pairs",
  c(list(gamma = gammas, informative = length(gap)),
    value(scored(abs(gap), gap < 0), critical(at_gamma(abs(gap), gap < 0)))))
# Lead in the blood of 33 children of exposed workers and of matched neighbours (Morton 1982, Rosenbaum 2002).
exposed <- c(38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15, 10, 45, 39, 22, 35, 49, 48, 44, 35, 43, 39,
             34, 13, 73, 25, 27)
neighbour <- c(16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24, 13, 9, 14, 21, 19, 7, 18, 19, 12, 11, 22,
               25, 16, 13, 11, 13)
d <- (exposed - neighbour)[exposed != neighbour]
r <- rank(abs(d))
save_value("r_rosenbaum_signed_rank", "inline", "lead in children's blood, normal approximation of the signed rank statistic",
  c(list(exposed = exposed, neighbour = neighbour, gamma = gammas),
    value(scored(r, d > 0), critical(at_gamma(r, d > 0)))))

# ---- a hidden condition where many die: the hazard ratio given it, by integrate and uniroot
alive <- function(h, p, g) p * exp(-g * h) + (1 - p) * exp(-h)
dying <- function(h, p, g) g * p * exp(-g * h) + (1 - p) * exp(-h)
without_condition <- function(estimated, p1, p0, g, f, deaths) {
  expected_score <- function(theta) {
    left <- function(end) f * alive(theta * end, p1, g) + (1 - f) * alive(end, p0, g) - (1 - deaths)
    end <- uniroot(left, c(0, 200), tol = 1e-14)$root
    at <- function(h) {
      r1 <- f * alive(theta * h, p1, g) * estimated
      q <- r1 / (r1 + (1 - f) * alive(h, p0, g))
      f * theta * dying(theta * h, p1, g) * (1 - q) - (1 - f) * dying(h, p0, g) * q
    }
    integrate(at, 0, end, rel.tol = 1e-12, abs.tol = 1e-14)$value
  }
  exp(uniroot(function(b) expected_score(exp(b)), log(c(.05, 20)), tol = 1e-13)$root)
}
grid <- data.frame(estimated = c(.56, .56, .9, 1.5, .3), p1 = c(.2, .1, .05, .5, .9), p0 = c(.5, .4, .6, .1, .1),
                   ratio = c(3, 2, 4, .3, .5), share = c(.4, .5, .1, .5, .2), deaths = c(.7, .9, .95, .6, .2))
save_value("r_common_event_correction", "inline",
  "root of the expected score of Cox's model over two mixtures, integrate and uniroot",
  c(as.list(grid), list(corrected = mapply(without_condition, grid$estimated, grid$p1, grid$p0, grid$ratio, grid$share,
                                           grid$deaths))), "stats")

# ---- subgroups and negative control on the lung data and on retinopathy
save_value("r_holm", "inline", "p.adjust(c(.01, .04, .03, .005, .5), 'holm'); with n = 8",
  list(five = p.adjust(c(.01, .04, .03, .005, .5), "holm"),
       eight = p.adjust(c(.01, .04, .03, .005, .5), "holm", n = 8)), "stats")
eyes$type <- factor(eyes$type)
model <- coxph(Surv(futime, status) ~ trt * type + cluster(id), eyes, ties = "efron", control = tight)
k <- names(coef(model))
within <- c(trt = coef(model)[["trt"]], ratio = coef(model)[[3]], juvenile_or_adult = sum(coef(model)[c(1, 3)]))
v <- vcov(model)
save_value("r_subgroups", "retinopathy", "coxph(Surv(futime, status) ~ trt * type + cluster(id))",
  list(levels = levels(eyes$type), log_hr = unname(within[c("trt", "juvenile_or_adult")]),
       se = sqrt(c(v[1, 1], sum(v[c(1, 3), c(1, 3)]))), log_ratio = unname(within["ratio"]), se_ratio = sqrt(v[3, 3]),
       wald = coef(model)[[3]]^2 / v[3, 3], p = pchisq(coef(model)[[3]]^2 / v[3, 3], 1, lower.tail = FALSE)))
lung <- read("lung_months")
lung$other <- as.integer(lung$dead == 1 & lung$inst %% 3 == 0)
lung$bad <- as.integer(lung$ph.ecog >= 1)
control_model <- coxph(Surv(month, other) ~ bad + age + sex, lung, ties = "efron", control = tight)
save_value("r_negative_control", "lung_months",
  "coxph(Surv(month, dead & inst %% 3 == 0) ~ (ph.ecog >= 1) + age + sex); detectable exp(-(z.975 + z.8) / sqrt(d f (1 - f)))",
  list(log_hr = coef(control_model)[["bad"]], se = sqrt(vcov(control_model)[1, 1]), events = sum(lung$other),
       detectable = exp(-(qnorm(.975) + qnorm(.8)) / sqrt(sum(lung$other) * mean(lung$bad) * (1 - mean(lung$bad))))))
bench <- coxph(Surv(month, dead) ~ bad + age + sex, lung, ties = "efron", control = tight)
no_sex <- coxph(Surv(month, dead) ~ bad + age, lung, ties = "efron", control = tight)
share <- prop.table(table(lung$sex, lung$bad), 2)
rr_eu <- max(share[, 1] / share[, 2], share[, 2] / share[, 1])
rr_ud <- as_rr(exp(abs(coef(bench)[["sex"]])))
save_value("r_benchmark_sex", "lung_months", "strength of sex on ph.ecog >= 1 and on death; shift without it",
  list(log_hr = coef(bench)[["bad"]], ratio_exposure = rr_eu, ratio_outcome = rr_ud,
       bounding_factor = rr_eu * rr_ud / (rr_eu + rr_ud - 1),
       log_shift = coef(no_sex)[["bad"]] - coef(bench)[["bad"]]))
