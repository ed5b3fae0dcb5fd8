using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: memslot updates that run when a migration is ordered, or come before it has begun, are done before it or are its own: what was
/// plugged in the end is plugged wherever the VM is then (M1, S6, the oracle). The dirty log was used before, and is given to the
/// migration.
/// </summary>
internal sealed class MigrationVsMemslotAtBegin : Scenario
{
    public override string Name => "migration-vs-memslot-at-begin";
    public override string Claim => "a memslot update that meets a migration which has not begun is where the VM is";
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).WritePlugged(0).Write(1).WritePlugged(0).Write(0);
        plan.Actor("admin").SetPlugged(true).SetPlugged(false).SetPlugged(true);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)));
        plan.After(stage =>
        {
            var isThere = stage.Vm.Vm.Memslots.Active.ById(VmLayout.HotplugSlotId) is not null;
            if (stage.IsPlugged is { } isPlugged && isThere != isPlugged)
                stage.Vm.Vm.Violated(
                    Invariants.SameMemory,
                    $"memory was {(isPlugged ? "plugged" : "unplugged")} last, and is {(isThere ? "" : "not ")}there");
            if (stage.Migration is not null && stage.Bed.Vms[0].Session.IsEnabled)
                stage.Vm.Vm.Violated(Invariants.NoLostDirtyPage, "the session of the source still uses the log that the migration had");
            return ValueTask.CompletedTask;
        });
    }
}
