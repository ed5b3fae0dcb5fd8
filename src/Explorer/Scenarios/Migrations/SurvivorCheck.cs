using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// What must hold at the end when a machine has died in a migration. The VM is where the inventory says and has finished its program there.
/// Hosts have no record of other VMs. The surviving side has reported what became of the VM.
/// </summary>
internal static class SurvivorCheck
{
    public static ValueTask AfterSourceDied(Stage stage)
    {
        CheckOwner(stage, survivor: 1);
        if (stage.Migration is not { Incoming: var incoming }) return ValueTask.CompletedTask;
        if (incoming.NeedsSource) Violated(stage, Invariants.RunsSomewhere, "the destination still waits for a source that is dead");
        if (incoming.IsGuestLost && stage.MissingAtDeath == 0)
            Violated(
                stage, Invariants.RunsSomewhere,
                "the guest was called lost though the destination had all of its pages when the source died");
        if (incoming.Runs && incoming.Info.Status != MigrationStatus.Completed)
            Violated(stage, Invariants.RunsSomewhere, $"the guest runs at the destination, but its migration is {incoming.Info.Status}");
        return ValueTask.CompletedTask;
    }

    public static ValueTask AfterDestinationDied(Stage stage)
    {
        CheckOwner(stage, survivor: 0);
        if (stage.Migration is not { } migration) return ValueTask.CompletedTask;
        if (migration.Result is not { } info) Violated(stage, Invariants.MigrationProgress, "the source's migration is not over");
        else if (info.IsHandedOver != (OwnerOf(stage).Host == stage.Bed.Hosts[1].Name || migration.Incoming.IsGuestLost))
            Violated(
                stage, Invariants.OneOwner, $"the inventory says {OwnerOf(stage)}, the source's migration {info.Status} {info.Reason}");
        else if (info.Status == MigrationStatus.Completed && stage.MissingAtDeath > 0)
            Violated(stage, Invariants.SameMemory, "the source calls it complete though the destination lacked pages when it died");
        return ValueTask.CompletedTask;
    }

    /// <summary>The destination was given up while it lived: what it had of the VM, and what the inventory on its side granted, counts for
    /// nothing.</summary>
    public static ValueTask AfterPartition(Stage stage)
    {
        if (!stage.Bed.Machines[1].IsDead) return AfterAll(stage);
        var (owner, source) = (OwnerOf(stage), stage.Bed.Hosts[0].Name);
        if (stage.Migration is { Result: null }) Violated(stage, Invariants.MigrationProgress, "the source's migration is not over");
        var isKept = stage.Migration is not { Result.IsHandedOver: true };
        if (isKept != (stage.Survivor?.Host.Name == source))
            Violated(stage, Invariants.RunsSomewhere, $"the source's migration is {stage.Migration?.Info}, and {owner}");
        if (owner.Epoch > 0 && owner.Host != source) Violated(stage, Invariants.OneOwner, $"the inventory of those who live says {owner}");
        CheckHalted(stage);
        return ValueTask.CompletedTask;
    }

    public static ValueTask AfterInventoryDied(Stage stage)
    {
        var owner = OwnerOf(stage);
        if (owner.Status == OwnershipStatus.Lost) Violated(stage, Invariants.OneOwner, "there is no inventory");
        CheckSurvived(stage);
        if (owner.Epoch > 0 && stage.Vm.Host.Name != owner.Host)
            Violated(stage, Invariants.OneOwner, $"the inventory says {owner}, and the VM is on {stage.Vm.Host.Name}");
        CheckHalted(stage);
        return ValueTask.CompletedTask;
    }

    /// <summary>As <see cref="AfterAll"/>; no host has stood still or died either, so the VM has survived.</summary>
    public static ValueTask AfterInventories(Stage stage)
    {
        CheckSurvived(stage);
        return AfterAll(stage);
    }

    /// <summary>No machine has died, so the VM is where the inventory says, and each host knows of no VM but that.</summary>
    public static ValueTask AfterAll(Stage stage)
    {
        var owner = OwnerOf(stage);
        var here = stage.Survivor?.Host.Name;
        var isKnown = owner.Epoch > 0 || here != stage.Bed.Hosts[0].Name;
        if (isKnown && (owner.Epoch > 0 ? owner.Host : null) != here)
            Violated(stage, Invariants.OneOwner, $"the inventory says {owner}, and the VM is {(here is null ? "gone" : $"on {here}")}");
        foreach (var ownership in stage.Bed.HostOwnerships)
            if (ownership.Report(long.MaxValue)!.Any(entry => owner.Host != ownership.Host || entry.Value != owner.Epoch))
                Violated(stage, Invariants.OneOwner, $"{ownership.Host} still believes that it owns the VM; the inventory says {owner}");
        CheckIsRecorded(stage, owner);
        if (stage is { Migration: { Wire.SaidWhole: true, Info.Status: var status }, Survivor: null, IsDestroyed: false })
            Violated(
                stage, Invariants.RunsSomewhere,
                $"the destination has said that it has every page, and the VM is gone; the migration is {status}");
        CheckHalted(stage);
        return ValueTask.CompletedTask;
    }

    /// <summary>A VM that was destroyed is nowhere, and one that its destroyer missed is where the inventory says.</summary>
    public static ValueTask AfterDestroyed(Stage stage)
    {
        if (stage.IsDestroyed && stage.Survivor is { } vm)
            Violated(stage, Invariants.OneOwner, $"the VM was destroyed, and is on {vm.Host.Name}");
        return AfterAll(stage);
    }

    /// <summary>The next inventory asks the host what it owns: a VM without a record would have no owner.</summary>
    private static void CheckIsRecorded(Stage stage, Ownership owner)
    {
        var name = stage.Bed.Vms[0].Name;
        if (owner.Epoch > 0 && stage.Bed.HostOwnerships.FirstOrDefault(host => host.Host == owner.Host)?.Owns(name, owner.Epoch) == false)
            Violated(stage, Invariants.OneOwner, $"{owner.Host} has no record of the VM; the inventory says {owner}");
    }

    /// <summary>Only its first host knows a VM that never migrated.</summary>
    private static void CheckOwner(Stage stage, int survivor)
    {
        var (owner, host) = (OwnerOf(stage), stage.Bed.Hosts[survivor].Name);
        var isHere = owner.Epoch > 0 ? owner.Host == host : survivor == 0 && stage.Migration is null;
        if (isHere != (stage.Survivor?.Host.Name == host))
            Violated(
                stage, isHere ? Invariants.RunsSomewhere : Invariants.OneOwner,
                $"the inventory says {owner}, and {host}, which lives, {(isHere ? "does not run the VM" : "runs it")}");
        var owned = stage.Bed.HostOwnerships[survivor].Report(long.MaxValue)!;
        if (owned.Any(entry => owner.Host != host || entry.Value != owner.Epoch))
            Violated(
                stage, Invariants.OneOwner, $"{host} still believes that it owns {string.Join(", ", owned)}; the inventory says {owner}");
        CheckHalted(stage);
    }

    /// <summary>No host of the VM has died or stood still.</summary>
    private static void CheckSurvived(Stage stage)
    {
        if (stage.Survivor is null)
            Violated(stage, Invariants.RunsSomewhere, $"the VM is gone, though both hosts live; the inventory says {OwnerOf(stage)}");
    }

    /// <summary>Where the VM has gone on, or come to its end.</summary>
    private static void CheckHalted(Stage stage)
    {
        foreach (var other in stage.Others)
            Violated(
                stage, Invariants.OneOwner,
                $"a process of {other.Host.Name} has the VM too, and {(stage.Survivor is null ? "it is gone" : "it goes on elsewhere")}");
        if (stage.Survivor is { } vm && vm.Vcpus.FindIndex(vcpu => !vcpu.IsHalted) is var behind and >= 0)
            Violated(stage, Invariants.RunsSomewhere, $"vCPU {behind} has not come to the end of its program on {vm.Host.Name}");
    }

    private static Ownership OwnerOf(Stage stage) => stage.Inventory.OwnerOf(stage.Bed.Vms[0].Name);

    private static void Violated(Stage stage, string invariant, string message) =>
        stage.Bed.World.Observer.Violated(new Violation(invariant, message, stage.Bed.Vms[0].Name));
}
