using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// When the guest is slowed down, as in <c>migration_trigger_throttle</c> and <c>mig_throttle_guest_down</c> (QEMU migration/ram.c). The
/// first sync after each period decides: the bytes that became dirty exceed a share of the bytes sent for the second time. Auto-converge
/// then sleeps one step more, the dirty limit is switched on. A period that was quiet does not reset the count, there as here. Simplified:
/// all vCPUs share one dirty limit, where QEMU has one each, and no sync is made in the middle of a long round (QEMU 9.2 does, to throttle
/// earlier).
/// </summary>
internal sealed class ForecastThrottle(MigrationParameters parameters, ForecastSettings settings)
{
    private double _periodStart;
    private long _sent;
    private long _dirtied;
    private int _highPeriods;

    public ThrottledRate Pace { get; private set; }

    /// <summary>A sync: what was sent and what became dirty since the last.</summary>
    /// <param name="now">seconds since the migration began</param>
    /// <param name="bytesSent">on the wire</param>
    /// <param name="pagesDirtied">since the last sync</param>
    public void Synchronise(double now, long bytesSent, long pagesDirtied)
    {
        _sent += bytesSent;
        _dirtied += pagesDirtied * settings.PageSize;
        if (now - _periodStart < parameters.ThrottlePeriodMicroseconds / 1e6) return;
        var isHigh = _dirtied > _sent * (parameters.ThrottleTriggerThreshold / 100.0);
        (_periodStart, _sent, _dirtied) = (now, 0, 0);
        if (!isHigh || ++_highPeriods < 2) return;
        _highPeriods = 0;
        Pace = Slower();
    }

    private ThrottledRate Slower() => parameters.Throttle switch
    {
        ThrottleKind.AutoConverge when Pace.ThrottlePercentage == 0 =>
            new ThrottledRate(Math.Min(parameters.CpuThrottleInitial, parameters.MaxCpuThrottle), 0),
        ThrottleKind.AutoConverge =>
            new ThrottledRate(Math.Min(Pace.ThrottlePercentage + parameters.CpuThrottleIncrement, parameters.MaxCpuThrottle), 0),
        ThrottleKind.DirtyLimit => new ThrottledRate(0, (double)parameters.VcpuDirtyLimit / settings.PageSize * settings.Vcpus),
        _ => default,
    };
}
