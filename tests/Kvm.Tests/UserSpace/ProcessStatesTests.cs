using Livebed.Kvm.UserSpace;

namespace Livebed.Kvm.Tests.UserSpace;

/// <summary>The table of a process's states: complete, without a way back from the end, and closed to commands when it should be.</summary>
public class ProcessStatesTests
{
    [Fact]
    public void Every_state_has_a_row_and_can_be_reached()
    {
        var all = Enum.GetValues<ProcessState>();
        Assert.All(
            all.Where(state => state != ProcessState.Preparing),
            next => Assert.Contains(all, state => ProcessStates.IsAllowed(state, next)));
    }

    [Fact]
    public void A_process_that_is_going_never_runs_again()
    {
        foreach (var going in Enum.GetValues<ProcessState>().Where(ProcessStates.IsGoing))
            foreach (var next in Enum.GetValues<ProcessState>().Where(state => ProcessStates.IsAllowed(going, state)))
                Assert.True(ProcessStates.IsGoing(next), $"{going} -> {next}");
    }

    [Fact]
    public void Every_state_but_the_last_can_come_to_an_end()
    {
        foreach (var state in Enum.GetValues<ProcessState>().Where(state => !ProcessStates.IsGoing(state)))
            Assert.True(ProcessStates.IsAllowed(state, ProcessState.Dropping), $"{state}");
        Assert.True(ProcessStates.IsAllowed(ProcessState.Dropping, ProcessState.Closed));
    }

    [Fact]
    public void Commands_are_taken_only_while_a_guest_may_run_and_no_destroy_has_come() =>
        Assert.Equal(
            [ProcessState.Running, ProcessState.Migrating], Enum.GetValues<ProcessState>().Where(ProcessStates.TakesCommands));
}
