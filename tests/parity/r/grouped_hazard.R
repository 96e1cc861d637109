# The hazard of the operation seen through whole months, a quarter of the people operated at time zero: a
# complementary log-log regression with an intercept of its own for each time of operation.
source("r/common.R")

people <- read("immortal")
surgery <- ifelse(seq_len(nrow(people)) %% 4 == 0, 0, ceiling(people$surgery_month))
to <- pmin(ifelse(is.na(surgery), Inf, surgery), ceiling(people$time), 8)
done <- !is.na(surgery) & surgery <= 8
months <- sort(unique(to[done]))
at_risk <- do.call(rbind, lapply(months, function(month) {
  data.frame(operated = to == month & done, month = month, l = people$l)[to >= month, ]
}))
fit <- glm(operated ~ 0 + factor(month) + l, binomial("cloglog"), at_risk,
           control = glm.control(1e-16, 200))
save_value("r_immortal_time_grouped_hazard", "immortal",
           "glm(operated ~ 0 + factor(month) + l, binomial('cloglog')) on people at risk in each month",
           list(coef = unname(coef(fit)["l"]), months = months,
                steps = unname(exp(coef(fit)[seq_along(months)]))), character(0))
