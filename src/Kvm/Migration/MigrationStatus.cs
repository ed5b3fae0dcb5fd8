namespace Livebed.Kvm.Migration;

/// <summary>Where a migration stands: QEMU's <c>MigrationStatus</c> (qapi/migration.json), in kebab-case in results.</summary>
public enum MigrationStatus : byte
{
    /// <summary>Nothing has begun.</summary>
    None,

    /// <summary>The destination makes room, logging is switched on.</summary>
    Setup,

    /// <summary>Pre-copy: rounds over the dirty pages while the guest runs.</summary>
    Active,

    /// <summary>The vCPUs have stopped: final sync, last pages, device state. Downtime.</summary>
    Device,

    /// <summary>The destination runs and misses pages, which come on demand and in the background.</summary>
    PostcopyActive,

    /// <summary>The link broke in post-copy: the guest runs on only where it misses nothing.</summary>
    PostcopyPaused,

    /// <summary>The link is back: both sides agree on what is still missing.</summary>
    PostcopyRecover,

    /// <summary>Everything has arrived.</summary>
    Completed,

    /// <summary>It was given up; who owns the VM, if anybody, the inventory says.</summary>
    Failed,

    /// <summary>User space asked for the end; what is under way comes to its own.</summary>
    Cancelling,

    /// <summary>The source runs on as if nothing had been.</summary>
    Cancelled,
}
