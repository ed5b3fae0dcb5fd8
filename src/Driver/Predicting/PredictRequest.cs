using Livebed.Kvm.Migration;
using Livebed.Kvm.Migration.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>What `predict` was asked for, checked: a trace, or writes at a constant rate.</summary>
internal sealed record PredictRequest
{
    /// <summary>Null for writes at a constant rate.</summary>
    public required DirtyTimeline? Timeline { get; init; }

    /// <summary>Null for a trace.</summary>
    public required WorkingSet? Writes { get; init; }

    public required MigrationParameters Parameters { get; init; }

    /// <summary>With the pages of the memory.</summary>
    public required ForecastSettings Settings { get; init; }

    public required bool Json { get; init; }

    public IForecastWorkload Workload => Timeline is { } timeline ? timeline : new SteadyWorkload(Writes!.Value);
}
