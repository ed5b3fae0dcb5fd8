using Livebed.Kvm.Checks;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: memslot updates that run when a migration is ordered, or come before it has begun, are done before it or are its own. What was
/// plugged in the end is plugged wherever the VM is then (M1, S6, the oracle). A second thread's updates are refused, and wait for the
/// beginning as the others do. The dirty log was used before, and is given to the migration.
/// </summary>
internal sealed class MigrationVsMemslotAtBegin : Scenario
{
    private const int NoMemslot = 5;

    public override string Name => "migration-vs-memslot-at-begin";
    public override string Claim => "a memslot update that meets a migration which has not begun is where the VM is";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.MemslotZapped];
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Before(stage => stage.EnableLogAsync());
        plan.Vcpu().Write(0).WritePlugged(0).Write(1).WritePlugged(0).Write(0);
        plan.Actor("admin").SetPlugged(true).SetPlugged(false).SetPlugged(true);
        plan.Actor("other-admin").RemoveMemslot(NoMemslot).RemoveMemslot(NoMemslot);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
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

/// <summary>
/// Claim: a step of user space's own dirty log that has begun when a migration is ordered ends before that uses the log, and none begins
/// after that (S6, M1, the oracle). A log has one user: what one takes the other never hears of. Devices write, whose log is the same
/// one's.
/// </summary>
internal sealed class MigrationVsLogAtBegin : Scenario
{
    public override string Name => "migration-vs-log-at-begin";
    public override string Claim => "a step of the dirty log that meets a migration which begins leaves the log to it";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.LogStepMetMigration];
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Write(1).Write(0).Write(1).Read(0);
        plan.Actor("disk").DeviceWrite(0).DeviceWrite(1);
        plan.Actor("logger").LogStep(DirtyLogStep.Enable).LogStep(DirtyLogStep.Round);
        plan.Actor("other-logger").LogStep(DirtyLogStep.Round).LogStep(DirtyLogStep.Enable);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.After(stage =>
        {
            if (stage.Migration is not null && stage.Bed.Vms[0].Session.IsEnabled)
                stage.Broke(Invariants.NoLostDirtyPage, "the session of the source still uses the log that the migration had");
            return ValueTask.CompletedTask;
        });
    }
}
