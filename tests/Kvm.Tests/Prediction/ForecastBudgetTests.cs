using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>The work of forecasts is counted, over all forecasts that share a budget, and bounded.</summary>
public class ForecastBudgetTests
{
    private const long SweepWrites = 200 * 500;

    [Fact]
    public void Forecasts_with_one_budget_spend_it_together_and_always_as_much()
    {
        var settings = ForecastCases.Plain with { Budget = new ForecastBudget() };
        Forecaster.Run(ForecastCases.Sweep(0.5), ForecastCases.Parameters, settings);
        var once = settings.Budget.Spent;
        Assert.InRange(once, 1, ForecastBudget.WorkMax / 100);
        Forecaster.Run(ForecastCases.Sweep(0.5), ForecastCases.Parameters, settings with { StartMicroseconds = 0 });
        Assert.Equal(2 * once, settings.Budget.Spent);
    }

    /// <summary>Under a dirty limit every write is gone through, pass after pass, and a minute of replay at a high speed has very
    /// many.</summary>
    [Fact]
    public void A_forecast_that_is_too_much_work_ends_soon()
    {
        var budget = new ForecastBudget(limit: 10 * SweepWrites);
        var settings = ForecastCases.Plain with { Budget = budget, Speed = 1000 };
        var parameters = ForecastCases.Parameters with { Throttle = ThrottleKind.DirtyLimit, VcpuDirtyLimit = 1 << 30 };
        Assert.Throws<ForecastBudgetException>(new Action(() =>
        {
            while (true) Forecaster.Run(ForecastCases.Sweep(0.5), parameters, settings);
        }));
        Assert.InRange(budget.Spent, 10 * SweepWrites, 11 * SweepWrites);
    }

    [Fact]
    public void A_mean_over_a_window_longer_than_the_recording_is_that_of_the_recording()
    {
        var sweep = ForecastCases.Sweep(0.5);
        Assert.Equal(sweep.MeanDistinctPages(sweep.PassMicroseconds), sweep.MeanDistinctPages(sweep.PassMicroseconds * 1e9));
    }
}
