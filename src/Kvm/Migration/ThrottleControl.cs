using Livebed.Kvm.Checks;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// QEMU's <c>migration_trigger_throttle</c> (migration/ram.c): once a period it compares the bytes that became dirty with the threshold's
/// share of the bytes sent. When they are more for the second time, the vCPUs are slowed down: by one step (auto-converge) or to their
/// quota (dirty limit).
/// </summary>
[Untracked("belongs to the migration thread; others read it for reports")]
internal sealed class ThrottleControl(Vm vm, MigrationParameters parameters, int pageSize)
{
    private const int TimesTooHigh = 2;

    private long _periodBegan;
    private long _bytesAtBegin;
    private long _dirtyPages;
    private int _tooHigh;
    private long[] _sleptBefore = [];

    public VcpuThrottle Current { get; private set; }

    public int PercentageMax { get; private set; }

    /// <summary>How long each vCPU slept so that the migration converges, as of <see cref="MeasureAsync"/>; empty while none was
    /// throttled.</summary>
    public IReadOnlyList<long> SleptMicroseconds { get; private set; } = [];

    public void Begin(long nowMicroseconds) => _periodBegan = nowMicroseconds;

    /// <summary>After a sync: what it found, and the bytes sent since the beginning.</summary>
    public async ValueTask SyncedAsync(Operation op, long nowMicroseconds, long dirtyPages, long bytesSent)
    {
        _dirtyPages += dirtyPages;
        if (parameters.Throttle == ThrottleKind.None || nowMicroseconds - _periodBegan < parameters.ThrottlePeriodMicroseconds) return;
        var sent = bytesSent - _bytesAtBegin;
        var isTooHigh = _dirtyPages * pageSize > sent * parameters.ThrottleTriggerThreshold / 100;
        (_periodBegan, _bytesAtBegin, _dirtyPages) = (nowMicroseconds, bytesSent, 0);
        if (!isTooHigh || ++_tooHigh < TimesTooHigh) return;
        _tooHigh = 0;
        await SetAsync(op, Next());
    }

    public ValueTask EndAsync(Operation op) => Current == VcpuThrottle.None ? ValueTask.CompletedTask : SetAsync(op, VcpuThrottle.None);

    public async ValueTask MeasureAsync(Operation op)
    {
        if (_sleptBefore.Length == 0) return;
        var slept = await SleptAsync(op);
        SleptMicroseconds = [.. slept.Zip(_sleptBefore, (now, before) => Math.Max(0, now - before))];
    }

    private VcpuThrottle Next() => parameters.Throttle == ThrottleKind.DirtyLimit
        ? new VcpuThrottle(0, Math.Max(1, parameters.VcpuDirtyLimit / pageSize))
        : new VcpuThrottle(
            Current.Percentage == 0
                ? parameters.CpuThrottleInitial
                : Math.Min(Current.Percentage + parameters.CpuThrottleIncrement, parameters.MaxCpuThrottle),
            0);

    private async ValueTask SetAsync(Operation op, VcpuThrottle throttle)
    {
        if (Current == VcpuThrottle.None && _sleptBefore.Length == 0) _sleptBefore = await SleptAsync(op);
        Current = throttle;
        if (throttle != VcpuThrottle.None) vm.World.Reached(ReachedCase.GuestThrottled);
        PercentageMax = Math.Max(PercentageMax, throttle.Percentage);
        foreach (var vcpu in vm.Vcpus) await vcpu.ThrottleAsync(op, throttle);
    }

    private async ValueTask<long[]> SleptAsync(Operation op)
    {
        var slept = new long[vm.Vcpus.Count];
        for (var i = 0; i < slept.Length; i++) slept[i] = (await vm.Vcpus[i].ThrottleOfAsync(op)).SleptMicroseconds;
        return slept;
    }
}
