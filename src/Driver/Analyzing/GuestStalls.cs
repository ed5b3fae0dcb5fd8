using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// What kept each VM's guest from running. The run says how long its vCPUs were in faults, throttled and stopped by migrations, all of it.
/// Where the time in faults went is known of the faults that became spans: a wait for a lock, for a turn, on the network between vCPU and
/// VM, in attempts that had to begin again, or in the work itself. The parts are taken in this order, so they add up.
/// </summary>
internal sealed class GuestStalls
{
    private const int VmsMax = 100_000;
    private readonly Dictionary<string, GuestStall> _vms = [];

    public long VmsDropped { get; private set; }

    /// <summary>The VM that stood longest first.</summary>
    public IReadOnlyList<GuestStall> Vms => [.. _vms.Values.OrderByDescending(vm => vm.Total).ThenBy(vm => vm.Vm, StringComparer.Ordinal)];

    public void AddRun(SpanRecord run)
    {
        foreach (var entry in run.Events.Where(entry => entry.Name == EventNames.GuestStall))
            Of(entry.Attributes)?.AddRun(entry.Attributes);
    }

    public void AddFault(SpanRecord fault) => Of(fault.Attributes)?.AddFault(fault);

    private GuestStall? Of(AttributeSet attributes)
    {
        var name = attributes.Text(AttributeNames.Vm) ?? "unknown";
        if (_vms.TryGetValue(name, out var vm)) return vm;
        if (_vms.Count < VmsMax) return _vms[name] = new GuestStall(name);
        VmsDropped++;
        return null;
    }
}

/// <summary>One VM, over its vCPUs; microseconds.</summary>
internal sealed class GuestStall(string vm)
{
    public string Vm { get; } = vm;

    /// <summary>In faults, every one of them; null in traces without the run's span.</summary>
    public double? Faults { get; private set; }

    /// <summary>Stopped by a migration: throttled, and in its downtime.</summary>
    public double? Migration { get; private set; }

    public long Spans { get; private set; }
    public double Traced { get; private set; }
    public double LockWait { get; private set; }
    public double TurnWait { get; private set; }
    public double Network { get; private set; }
    public double Retry { get; private set; }
    public double Work { get; private set; }
    public double Total => (Faults ?? Traced) + (Migration ?? 0);

    public void AddRun(AttributeSet figures)
    {
        Faults = (Faults ?? 0) + figures.Number(AttributeNames.StallFaults);
        Migration = (Migration ?? 0) + figures.Number(AttributeNames.StallThrottle) + figures.Number(AttributeNames.StallDowntime);
    }

    public void AddFault(SpanRecord fault)
    {
        Spans++;
        Traced += fault.Microseconds;
        var left = fault.Microseconds;
        LockWait += Take(ref left, fault.Attributes.Number(AttributeNames.FaultLockWait));
        TurnWait += Take(ref left, fault.Attributes.Number(AttributeNames.FaultTurnWait));
        Network += Take(ref left, fault.Attributes.Number(AttributeNames.FaultNetwork));
        Retry += Take(ref left, fault.Attributes.Number(AttributeNames.FaultRetryMicroseconds));
        Work += left;
    }

    private static double Take(ref double left, double part)
    {
        var taken = Math.Clamp(part, 0, left);
        left -= taken;
        return taken;
    }
}
