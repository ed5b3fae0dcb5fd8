using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios;

/// <summary>A write must reach the dirty log, from every path and whatever the log does meanwhile.</summary>
internal static class DirtyLogScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new DirtyLogEnable(),
        new DirtyLogGet(),
        new DirtyLogClear(),
        new InitiallyAllSet(),
        new FinalSync(),
        new FastPageFault(),
        new AgeingVsLogging(),
        new AgeingWithoutAccessedBits(),
        new SoftwareWrite(),
        new WriteWithoutVcpu(),
        new DeviceWrites(),
    ];
}

/// <summary>
/// Claim: switching a log on and off while guests write loses no write that the log must report, and no operation marks a freed bitmap (S6,
/// S8). Logging is visible before pages are protected, and they are protected before the ioctl returns. A bitmap is freed when no operation
/// can reach it any more (kvm-protocol 4.2, 5).
/// </summary>
internal sealed class DirtyLogEnable : Scenario
{
    public override string Name => "dirty-log-enable";
    public override string Claim => "a log that is switched on and off while guests write loses nothing and is not used when it is gone";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(0).Write(0);
        plan.Actor("kswapd").Reclaim(0);
        plan.Actor("user").EnableLog().DisableLog().EnableLog().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: no write is lost to a migration that reads the log with KVM_GET_DIRTY_LOG: what was written after a page's last copy is in the
/// log (S6, S5). Guests write while get clears bits, write-protects and flushes, and a memory event takes a page away and gives it back
/// (kvm-protocol 4.2).
/// </summary>
internal sealed class DirtyLogGet : Scenario
{
    public override string Name => "dirty-log-get";
    public override string Claim => "a page written after its last copy is in the log that get returns";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone, ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0).Write(1);
        plan.Vcpu().Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: with manual protection no write is lost between get, which copies bits, and clear, which takes them and protects: a page cleared
/// before it is read is in the next log if it is written again (S6, S5). Guests write through TLB entries that clear must have flushed
/// (kvm-protocol 4.2, Q3, m12).
/// </summary>
internal sealed class DirtyLogClear : Scenario
{
    public override string Name => "dirty-log-clear";
    public override string Claim => "a page written after KVM_CLEAR_DIRTY_LOG is in the next log";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone, ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Manual };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0).Write(0);
        plan.Vcpu().Write(1).Write(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: with KVM_DIRTY_LOG_INITIALLY_SET no write is lost, though enabling the log protects nothing: all bits are set, and clear protects
/// (S6). Guests write through SPTEs that were writable before, while the log is switched on and its first rounds run (kvm-protocol 4.2).
/// </summary>
internal sealed class InitiallyAllSet : Scenario
{
    public override string Name => "initially-all-set";
    public override string Claim => "a log that begins with every bit set loses no write";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone, ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.InitiallySet };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(0).Write(0);
        plan.Vcpu().Write(1).Write(0);
        var user = plan.Actor("user").EnableLog();
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: the final sync of a switchover, taken when every vCPU has left the guest, has every page that was written since its last copy
/// (S6). Guests write on until they are stopped, and after it (kvm-protocol 4.7, 8).
/// </summary>
internal sealed class FinalSync : Scenario
{
    public override string Name => "final-sync";
    public override string Claim => "the final sync of a switchover misses no write";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone, ReachedCase.LogReadDirty];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Write(1).Write(0);
        plan.Actor("user").LogRound().VerifyLog();
    }
}

/// <summary>
/// Claim: a fault that makes an SPTE writable without mmu_lock loses no write to a log round that protects it at the same time (S6). Every
/// page is mapped and write-protected, so that guests' writes take the fast path, and the log is read around it: mark after the cmpxchg,
/// never before (kvm-protocol 3.1).
/// </summary>
internal sealed class FastPageFault : Scenario
{
    public override string Name => "fast-page-fault";
    public override string Claim => "a lockless fast page fault and a log round lose no write between them";
    public override IReadOnlyList<ReachedCase> Needs { get; } =
        [ReachedCase.FastPageFaultDone, ReachedCase.FastPageFaultLost, ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(0);
        plan.Vcpu().Write(0).Write(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: asking whether a page was used, with or without mmu_lock, loses neither a write nor a zap (S6, S1). Ageing changes SPTEs in place
/// while a log round protects them, guests write through them, and reclaim takes one (kvm-protocol 2.5, 6.1).
/// </summary>
internal sealed class AgeingVsLogging : Scenario
{
    public override string Name => "ageing-vs-logging";
    public override string Claim => "ageing changes no SPTE that a log round or a zap changes at the same time";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultLost, ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Actor("kswapd").Age(0, 2).Age(0, 2).Reclaim(0);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: on a CPU without accessed bits, ageing takes SPTEs out of the hardware's sight without a flush, and a log that is switched on
/// then still sees every write through TLB entries made before (S6). Enabling therefore flushes whether or not it changed an SPTE. A read
/// gives back what ageing took, and no more (kvm-protocol 1.4, 4.2, B9).
/// </summary>
internal sealed class AgeingWithoutAccessedBits : Scenario
{
    public override string Name => "ageing-without-accessed-bits";
    public override string Claim => "a log switched on after access tracking sees writes through old TLB entries";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.FastPageFaultDone, ReachedCase.LogReadDirty];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap, HasAccessedBits = false };
        plan.Before(stage => stage.TouchRamAsync());
        // Ageing by turns flushes, does not, and only asks: the next does not.
        plan.Before(
            async stage =>
                await stage.Bed.RunEventAsync(stage.Bed.NewOperation(HostEventKind.Ageing), stage.Vm.AddressSpaceId, VmLayout.RamHva, 2));
        plan.Vcpu().Write(0).Write(1).Write(0);
        plan.Vcpu().Read(0).Write(0).Read(1).Write(1);
        plan.Actor("kswapd").Age(0, 2).Age(0, 2);
        plan.Actor("user").EnableLog().LogRound();
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: what KVM itself writes for a vCPU (emulation, pvclock) is in the log as the guest's own writes are (S6; B10, CVE-2024-35804). It
/// writes through the host's page table, and no SPTE tells of it: it has to mark the page, after the write (kvm-protocol 4.1). Reclaim,
/// which has told KVM, must not swap an old content out either (the oracle).
/// </summary>
internal sealed class SoftwareWrite : Scenario
{
    public override string Name => "software-write";
    public override string Claim => "an emulated write after a page's last copy is in the log";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Bitmap };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1);
        plan.Actor("emulator").SoftwareWrite(0).SoftwareWrite(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.Actor("kswapd").Reclaim(0);
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: with dirty rings, what KVM writes while no vCPU runs is in the final dirty set too, although no ring is its own (S6; B16,
/// CVE-2021-4095). It goes to a bitmap beside the rings, which the final sync collects (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP; kvm-protocol
/// 4.1).
/// </summary>
internal sealed class WriteWithoutVcpu : Scenario
{
    public override string Name => "write-without-vcpu";
    public override string Claim => "with rings, a write that no vCPU caused is in the final dirty set";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogReadDirty];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("rounds", "log rounds while guests write", 2, 1, 8),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with
        {
            DirtyLog = DirtyLogMode.Ring,
            RingEntries = DirtyRing.Reserved + 2,
            Architecture = KvmArchitecture.Arm64,
        };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Write(1);
        plan.Actor("its").SaveTables(0).SaveTables(1);
        var user = plan.Actor("user");
        for (var round = 0; round < plan.Parameter("rounds"); round++) user.LogRound();
        plan.Actor("mm").DontNeed(1);
        plan.After(stage => stage.VerifyLogAsync());
    }
}

/// <summary>
/// Claim: a page that a device of user space wrote after its last copy is in the set of the final sync, in rounds of the log as in a
/// migration (S6). KVM's log cannot have it; the device marks a log of its own, and stands still during the final sync (kvm-protocol 8).
/// </summary>
internal sealed class DeviceWrites : Scenario
{
    public override string Name => "device-writes";
    public override string Claim => "a page that a device has written is in the set of the final sync";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DeviceDirtiedPage, ReachedCase.DeviceDrained];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { DirtyLog = DirtyLogMode.Manual };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).Read(1).Write(1);
        plan.Actor("disk").DeviceWrite(0, 2).DeviceWrite(1).DeviceWrite(0);
        plan.Actor("mm").Reclaim(1);
        plan.Actor("user").LogRound().VerifyLog().LogRound().VerifyLog();
        plan.After(stage => stage.VerifyLogAsync());
    }
}
