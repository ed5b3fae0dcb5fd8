using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;

namespace Livebed.Driver.Running;

/// <summary>
/// One place of the campaign's fleet: the VM that lives there now, and what the driver knows of its user-space state. When the VM dies,
/// the next incarnation takes the place; when it migrates, the place goes with it. Guarded by <see cref="Fleet"/>.
/// </summary>
/// <param name="index">its number in the fleet</param>
/// <param name="host">where its first VM is made</param>
/// <param name="settings">of its kind of VM</param>
/// <param name="kind">the number of that kind in the campaign</param>
internal sealed class VmSlot(int index, int host, VmSettings settings, int kind = 0)
{
    public int Index { get; } = index;
    public int Kind { get; } = kind;

    /// <summary>Where the VM is: another one after it has migrated, and there the next incarnation is made too.</summary>
    public int Host { get; set; } = host;
    public VmSettings Settings { get; } = settings;

    /// <summary>What results call the VM of this place.</summary>
    public string DisplayName => FormattableString.Invariant($"{Settings.Name} (vm-{Index})");

    public string Key { get; set; } = "";

    /// <summary>The VM in the inventory, wherever it is: named once, when it was made.</summary>
    public string Name { get; set; } = "";
    public IVmGrain Grain { get; set; } = null!;
    public IHostMmuGrain HostGrain { get; set; } = null!;
    public int Incarnation { get; set; }
    public int AddressSpaceId { get; set; }

    /// <summary>Operations may be started; false while the VM is being destroyed or made.</summary>
    public bool IsUp { get; set; }

    /// <summary>There is a VM to ask for reports, though it may be going.</summary>
    public bool Exists { get; set; }

    /// <summary>The VM migrates: neither teardowns nor dirty-log steps take it.</summary>
    public bool Migrates { get; set; }

    /// <summary>Migrations that were started from here.</summary>
    public int Migrations { get; set; }

    /// <summary>In post-copy the VM is the destination's, and what still sends its pages is here; null otherwise.</summary>
    public IVmGrain? Departing { get; set; }

    /// <summary>The VM died with its host, and no other has taken the place yet.</summary>
    public bool IsLost { get; set; }

    /// <summary>The host died on which the VM is, or was; its migration finds out.</summary>
    public bool IsInDoubt { get; set; }

    public bool MemslotBusy { get; set; }
    public bool DirtyLogBusy { get; set; }
    public bool HotplugPlugged { get; set; }
    public bool HotplugMoved { get; set; }
    public bool HotplugLogged { get; set; }
    public int DirtyLogRounds { get; set; }
    public bool DirtyLogEnabled { get; set; }
    public bool DirtyLogVerifyDue { get; set; }

    public void Forget()
    {
        (HotplugPlugged, HotplugMoved, HotplugLogged, DirtyLogEnabled, DirtyLogVerifyDue, DirtyLogRounds) = (
            false, false, false, false, false, 0);
    }
}
