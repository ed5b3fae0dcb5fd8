using Livebed.Driver.Campaigns;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Running;

/// <summary>
/// A whole migration of one kind of VM, forecast from what its guests write and not from measurements on the way. Two facts that no
/// workload has are the exception: the number of zero pages at the start, and the cost of switchovers beside their pages. Left out are
/// hot-plug memory's writes, KVM's own, and discards.
/// </summary>
internal sealed class WorkloadForecast(VmSettings settings, MigrationParameters parameters, double stopBytesPerSecond)
{
    /// <summary>Of a forecast: there may be one for each of very many migrations.</summary>
    private const long WorkMax = ForecastBudget.WorkMax / 8;

    private readonly IForecastWorkload _workload = settings.Guest.ReplaysTrace
        ? DirtyTimeline.Load(settings.Guest.TracePath)
        : new SteadyWorkload(WorkloadRate.WritesOf(settings));

    /// <param name="info">what migrated</param>
    /// <param name="programMicroseconds">where the guest's program was when it began, on the guest's clock</param>
    /// <param name="zeroShare">share of the pages of round 0 that were zero</param>
    /// <param name="costMilliseconds">of a switchover, beside its pages</param>
    /// <returns>the forecast, and where the guest's program was, in milliseconds of recorded time; null when it would be too much
    /// work</returns>
    public (MigrationForecast Forecast, double StartMilliseconds)? Of(
        MigrationInfo info, long programMicroseconds, double zeroShare, double costMilliseconds)
    {
        var start = settings.Guest.ReplaysTrace ? programMicroseconds * settings.Guest.Speed : programMicroseconds;
        try
        {
            var forecast = Forecaster.Run(_workload, parameters, SettingsOf(info, start, zeroShare, costMilliseconds));
            return (forecast, Math.Round(start / 1e3, 3));
        }
        catch (ForecastBudgetException)
        {
            return null;
        }
    }

    private ForecastSettings SettingsOf(MigrationInfo info, double start, double zeroShare, double costMilliseconds) =>
        new()
        {
            PageSize = (int)info.PageSize,
            MemoryPages = info.Total / info.PageSize,
            ZeroShare = zeroShare,
            StopBytesPerSecond = stopBytesPerSecond,
            SwitchoverCostMicroseconds = (long)(costMilliseconds * 1e3),
            Sender = SenderCosts.Measured,
            Clear = settings.DirtyLog is DirtyLogMode.Manual or DirtyLogMode.InitiallySet
                ? DirtyLogClear.ManualProtect
                : DirtyLogClear.Plain,
            Vcpus = settings.Vcpus,
            Speed = settings.Guest.ReplaysTrace ? settings.Guest.Speed : 1,
            StartMicroseconds = (long)start,
            Budget = new ForecastBudget(WorkMax),
        };
}
