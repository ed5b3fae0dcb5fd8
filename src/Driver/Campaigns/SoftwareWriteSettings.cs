namespace Livebed.Driver.Campaigns;

/// <summary>Writes to guest memory by KVM itself, <c>kvm_write_guest</c>.</summary>
public sealed record SoftwareWriteSettings
{
    /// <summary>Writes per second over all VMs.</summary>
    public double Rate { get; set; }
}
