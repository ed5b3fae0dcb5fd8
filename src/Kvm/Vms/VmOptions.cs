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
public sealed record VmOptions(
    string Name,
    int Ordinal,
    string Protocol,
    Mutant? Mutant = null,
    bool SpinMmuLock = false,
    DirtyLogMode DirtyLog = DirtyLogMode.None,
    int RingEntries = 4096)
{
    /// <summary>Whose KVM it is, where architectures differ.</summary>
    public KvmArchitecture Architecture { get; init; }

    /// <summary><c>kvm_use_dirty_bitmap</c>: x86 has no bitmap beside rings.</summary>
    public bool UsesDirtyBitmap => DirtyLog != DirtyLogMode.Ring || Architecture == KvmArchitecture.Arm64;

    /// <summary>SPTEs that one page of the second-level page table has, a power of two; a zap may yield between two of them.</summary>
    public int SptesPerTable { get; init; } = SpteTable.DefaultEntriesPerPage;

    /// <summary>Sequence, generation, epochs, installations and ring indices begin here, each within its own width, so that a scene can
    /// begin a few steps before a wrap.</summary>
    public ulong CountersFrom { get; init; }

    /// <summary>Its guests begin with <see cref="UserSpace.VmProcess.ContAsync"/> and not when the VM is made, as with <c>-S</c> of
    /// QEMU.</summary>
    public bool StartsStopped { get; init; }

    /// <summary><c>kvm_ad_enabled</c>: without, ageing makes SPTEs inaccessible and a fault tells that the page was used.</summary>
    public bool HasAccessedBits { get; init; } = true;
}

/// <summary>What KVM does differently on the architectures that it runs on, as far as the model has it: which memory of a VM is written
/// without a vCPU.</summary>
public enum KvmArchitecture
{
    /// <summary>With rings there is no bitmap: KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG are refused (-ENXIO).</summary>
    X86,

    /// <summary>KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP: what is written without a running vCPU, as tables of the ITS, goes to a bitmap beside
    /// the rings.</summary>
    Arm64,
}
