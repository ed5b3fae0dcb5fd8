namespace Livebed.Driver.Campaigns;

/// <summary>Audits walk a VM's SPTEs, TLBs and counters and judge the invariants that need such a view.</summary>
public sealed record AuditSettings
{
    /// <summary>Audits per second over all VMs.</summary>
    public double Rate { get; set; } = 1;
}
