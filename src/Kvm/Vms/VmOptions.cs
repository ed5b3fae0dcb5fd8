using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;

namespace Livebed.Kvm.Vms;

/// <summary>
/// What is fixed when a VM is created. <paramref name="Ordinal"/> is unique over the run (1 to 1048574) and is the top of every token
/// that its guests write.
/// </summary>
/// <param name="Name">for witnesses: "vm-3.1"</param>
/// <param name="Ordinal">1 to 1048574</param>
/// <param name="Protocol">a name of ProtocolCatalog</param>
/// <param name="Mutant">the defect to have, or null</param>
/// <param name="SpinMmuLock">mmu_lock is a spinlock and not a rwlock</param>
/// <param name="DirtyLog">how dirty pages are tracked</param>
/// <param name="RingEntries">size of each vCPU's dirty ring, a power of two</param>
/// <param name="MemslotsMax">KVM_USER_MEM_SLOTS: private slots not counted</param>
public sealed record VmOptions(
    string Name,
    int Ordinal,
    string Protocol,
    Mutant? Mutant = null,
    bool SpinMmuLock = false,
    DirtyLogMode DirtyLog = DirtyLogMode.None,
    int RingEntries = 4096,
    int MemslotsMax = 64)
{
    /// <summary>SPTEs that one page of the second-level page table has, a power of two; a zap may yield between two of them.</summary>
    public int SptesPerTable { get; init; } = SpteTable.DefaultEntriesPerPage;

    /// <summary>Sequence, generation, epochs, installations and ring indices begin here, each within its own width, so that a scene can
    /// begin a few steps before a wrap.</summary>
    public ulong CountersFrom { get; init; }

    /// <summary><c>kvm_ad_enabled</c>: without, ageing makes SPTEs inaccessible and a fault tells that the page was used.</summary>
    public bool HasAccessedBits { get; init; } = true;
}
