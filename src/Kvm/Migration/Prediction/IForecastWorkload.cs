namespace Livebed.Kvm.Migration.Prediction;

/// <summary>What a guest does to its memory. Any number of forecasts can be made of one.</summary>
public interface IForecastWorkload
{
    /// <summary>The guest at the start of a migration: every page is dirty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The memory is too small for the workload.</exception>
    IForecastGuest Start(MigrationParameters parameters, ForecastSettings settings);
}
