# Immortal time: `Rscript r/immortal_time.R` from tests/parity. Needs survival.
source("r/common.R")
library(survival)

people <- read("immortal")
never <- is.na(people$surgery_month)
surgery <- ifelse(never, Inf, people$surgery_month)
exact <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)

cox <- function(formula, rows, ...) coxph(formula, rows, control = exact, model = TRUE, ...)
first <- function(fit) c(log_hr = unname(coef(fit)[1]), se = sqrt(fit$var[1, 1]))

# ---- ever and never, time excluded, time-varying, landmarks: each a coxph call on rows of its own
with_exposure <- function(x, time = people$time) transform(people, x = as.integer(x), time = time)
no_time <- with_exposure(!never)
no_time$entry <- ifelse(never, 0, surgery)
split_at <- function(turn) {
  rows <- tmerge(people, people, id = id, died = event(time, event), x = tdc(turn))
  rows$x[is.na(rows$x)] <- 0
  rows
}
within <- function(limit) ifelse(surgery <= limit, surgery, NA)
landmark <- function(at) {
  left <- with_exposure(surgery <= at, round(people$time - at, 4))[people$time > at, ]
  c(first(cox(Surv(time, event) ~ x + l, left)), n = nrow(left), exposed = sum(left$x))
}
time_varying <- Surv(tstart, tstop, died) ~ x + l
save_value("x_immortal_time", "immortal", "coxph of x + l on the rows of each method, Efron", list(
  ever_never = first(cox(Surv(time, event) ~ x + l, with_exposure(!never))),
  excluded_clock_reset = first(cox(Surv(round(time - entry, 4), event) ~ x + l, no_time)),
  excluded_delayed_entry = first(cox(Surv(entry, time, event) ~ x + l, no_time)),
  time_varying_ever = first(cox(time_varying, split_at(within(Inf)))),
  time_varying_window_8 = first(cox(time_varying, split_at(within(8)))),
  landmark_3 = landmark(3), landmark_6 = landmark(6), landmark_8 = landmark(8), landmark_12 = landmark(12)))

# ---- the same with strata and Breslow's ties, times in whole months (many ties; an operation in the month
#      of the end of follow-up is put half a month before it, so that its person is operated when she dies)
months <- transform(people, time = ceiling(time), turn = ceiling(surgery), high = as.integer(l > 0))
months$turn <- ifelse(months$turn == months$time, months$time - 0.5, months$turn)
months$turn[never] <- NA
monthly <- tmerge(months, months, id = id, died = event(time, event), x = tdc(turn))
ever <- transform(months, x = as.integer(!never), entry = ifelse(never, 0, turn))
save_value("r_immortal_time_months", "immortal", "times rounded up to whole months; Breslow; strata(l > 0)", list(
  operated_in_the_last_month = sum(!never & ceiling(surgery) == ceiling(people$time)),
  ever_never = first(cox(Surv(time, event) ~ x + strata(high), ever, ties = "breslow")),
  excluded_delayed_entry = first(cox(Surv(entry, time, event) ~ x + strata(high), ever, ties = "breslow")),
  time_varying_ever = first(cox(Surv(tstart, tstop, died) ~ x + strata(high), monthly, ties = "breslow"))))

# ---- clone, censor, weight
grace <- 8
operated <- surgery <= grace
hazard_of <- function(ties) {
  spell <- data.frame(to = pmin(surgery, people$time, grace), done = as.integer(operated), l = people$l)
  fit <- cox(Surv(to, done) ~ l, spell, ties = ties)
  baseline <- basehaz(fit, centered = FALSE)
  list(fit = fit, at = function(t) c(0, baseline$hazard)[findInterval(t, baseline$time) + 1])
}
hazard <- hazard_of("breslow")
relative <- exp(coef(hazard$fit) * people$l)
alone <- function(t) exp(-hazard$at(t) * relative)          # probability of no operation by t
marginal <- with(data.frame(to = pmin(surgery, people$time, grace), done = operated),
                 basehaz(cox(Surv(to, done) ~ 1, data.frame(to, done), ties = "breslow")))
alone_all <- function(t) exp(-c(0, marginal$hazard)[findInterval(t, marginal$time) + 1])

# A strategy: edges of the intervals and, for each person, the planned probability of each.
plan <- function(strategy, width = 1) switch(strategy,
  as_observed = list(edges = c(0, grace), p = matrix(1, nrow(people), 1)),
  natural_then_forced = list(edges = c(0, grace - width, grace),
                             p = cbind(1 - alone(grace - width), alone(grace - width))),
  uniform = list(edges = seq(0, grace, width), p = matrix(width / grace, nrow(people), grace / width)))

weights_of <- function(plan) {
  natural <- sapply(seq_len(ncol(plan$p)), function(k) alone(plan$edges[k]) - alone(plan$edges[k + 1]))
  list(
    waiting = function(t) {
      k <- findInterval(t, plan$edges, left.open = TRUE)
      later <- rowSums(plan$p[, seq_len(ncol(plan$p)) > k, drop = FALSE])
      (plan$p[, k] * (alone(t) - alone(plan$edges[k + 1])) / natural[, k] + later) / alone(t)
    },
    done = sapply(seq_len(nrow(people)), function(i) {
      if (!operated[i]) return(0)
      k <- findInterval(surgery[i], plan$edges, left.open = TRUE)
      plan$p[i, k] / natural[i, k]
    }))
}

clone <- function(strategy, width = 1, stabilise = FALSE) {
  weight <- weights_of(plan(strategy, width))
  share0 <- if (stabilise) alone_all else function(t) 1
  share1 <- if (stabilise) 1 - alone_all(grace) else 1
  rows <- list()
  add <- function(start, stop, x, w) {
    end <- pmin(people$time, stop)
    died <- as.integer(people$event == 1 & people$time <= stop)
    rows[[length(rows) + 1]] <<- data.frame(id = people$id, l = people$l, start, end, died, x, w)[
      end > start & w > 1e-12, ]
  }
  for (from in seq(0, grace - 0.5, 0.5)) {
    add(from, pmin(surgery, from + 0.5), 0, share0(from + 0.25) / alone(from + 0.25))
    add(from, pmin(surgery, from + 0.5), 1, share1 * weight$waiting(from + 0.25))
  }
  add(ifelse(operated, surgery, Inf), Inf, 1, share1 * weight$done)
  add(ifelse(operated, Inf, grace), Inf, 0, share0(grace) / alone(grace))
  do.call(rbind, rows)
}
model <- function(rows, formula = Surv(start, end, died) ~ x)
  coxph(formula, rows, weights = w, cluster = id, ties = "efron", control = exact)
numbers <- function(rows) c(first(model(rows)), rows = nrow(rows), sum0 = sum(rows$w[rows$x == 0]),
                            sum1 = sum(rows$w[rows$x == 1]))

observed <- clone("as_observed")
unweighted <- coxph(Surv(start, end, died) ~ x, observed, ties = "efron", control = exact)
save_value("x_clone_censor_weight", "immortal", "grace 8, as observed; weights at midpoints of half months", list(
  surgery_model_coef = unname(coef(hazard$fit)), surgery_cumulative_baseline_at_8 = hazard$at(grace),
  rows = nrow(observed), sum_weights_arm0 = sum(observed$w[observed$x == 0]),
  sum_weights_arm1 = sum(observed$w[observed$x == 1]), log_hr = unname(coef(model(observed))),
  se_cluster_person = sqrt(model(observed)$var[1, 1]), log_hr_unweighted = unname(coef(unweighted))))

largest <- function(rows) ave(rows$w, rows$id, rows$x, FUN = max)
cut_at <- function(rows, q) {                                # each clone once, by its largest weight
  for (arm in 0:1) {
    own <- rows$x == arm
    limit <- quantile(tapply(rows$w[own], rows$id[own], max), q)
    rows$w[own] <- pmin(rows$w[own], limit)
  }
  rows
}
save_value("r_immortal_time_strategies", "immortal",
           "grace 8; log hazard ratio, se by person, rows, sums of weights of both arms", list(
  natural_then_forced_2 = numbers(clone("natural_then_forced", 2)),
  uniform_1 = numbers(clone("uniform", 1)),
  uniform_2 = numbers(clone("uniform", 2)),
  stabilised = numbers(clone("as_observed", stabilise = TRUE)),
  truncated_95 = numbers(cut_at(observed, 0.95)),
  adjusted_for_l = first(model(observed, Surv(start, end, died) ~ x + l))))

# ---- weighted curves of the arms, variance by person in each
at <- c(6, 12, 24, 36)
curve <- function(arm) summary(survfit(Surv(start, end, died) ~ 1, observed[observed$x == arm, ], weights = w,
                                       id = id, cluster = id, robust = TRUE, conf.type = "log-log"), times = at)
area <- function(arm, tau) {
  all <- survfit(Surv(start, end, died) ~ 1, observed[observed$x == arm, ], weights = w, id = id)
  keep <- all$time < tau
  sum(diff(c(0, all$time[keep], tau)) * c(1, all$surv[keep]))
}
save_value("r_immortal_time_curves", "immortal", "survfit of the as-observed clones, cluster = id, at 6, 12, 24, 36", list(
  survival0 = curve(0)$surv, survival1 = curve(1)$surv, std_err0 = curve(0)$std.err, std_err1 = curve(1)$std.err,
  log_log_limits0 = cbind(curve(0)$lower, curve(0)$upper), log_log_limits1 = cbind(curve(1)$lower, curve(1)$upper),
  restricted_mean0 = sapply(at, function(t) area(0, t)), restricted_mean1 = sapply(at, function(t) area(1, t))))

# ---- surgery hazard where a quarter of people are operated at time zero and the others in whole months
tied <- data.frame(to = ceiling(pmin(surgery, people$time, grace)), done = as.integer(operated), l = people$l)
tied$to[people$id %% 4 == 0] <- 0
tied$done[people$id %% 4 == 0] <- 1
hazards <- sapply(c(breslow = "breslow", efron = "efron"), function(ties) {
  fit <- cox(Surv(to, done) ~ l, tied, ties = ties)
  c(coef = unname(coef(fit)), basehaz(fit, centered = FALSE)$hazard)
}, simplify = FALSE)
save_value("r_immortal_time_surgery_hazard", "immortal",
           "coxph(Surv(to, done) ~ l) with ties, then basehaz(centered = FALSE) at 0, 1, ..., 8", hazards)
