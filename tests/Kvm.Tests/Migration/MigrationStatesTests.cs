using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Tests.Migration;

public class MigrationStatesTests
{
    public static TheoryData<MigrationStatus> Statuses => [.. Enum.GetValues<MigrationStatus>()];

    [Theory]
    [MemberData(nameof(Statuses))]
    public void Every_status_says_what_a_cancel_does_in_it_and_what_may_follow(MigrationStatus status)
    {
        Assert.True(Enum.IsDefined(MigrationStates.CancelIn(status)));
        Assert.Equal(MigrationStates.IsOver(status), MigrationStates.NextOf(status).Count == 0);
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public void A_cancel_is_taken_only_where_the_source_still_has_every_page(MigrationStatus status)
    {
        var hasBegun = status is not MigrationStatus.None && !MigrationStates.IsOver(status);
        var isPostcopy = status is MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover;
        var expected = !hasBegun || status == MigrationStatus.Cancelling ? CancelCase.NothingToDo
            : isPostcopy ? CancelCase.Refused
            : status == MigrationStatus.Device ? CancelCase.UntilHandedOver
            : CancelCase.AtNextStep;
        Assert.Equal(expected, MigrationStates.CancelIn(status));
    }

    [Fact]
    public void Every_status_can_be_reached_and_every_way_comes_to_an_end()
    {
        var reached = new HashSet<MigrationStatus> { MigrationStatus.None };
        for (var before = 0; before != reached.Count;)
        {
            before = reached.Count;
            foreach (var status in reached.ToList()) reached.UnionWith(MigrationStates.NextOf(status));
        }

        Assert.Equal(Enum.GetValues<MigrationStatus>().Order(), reached.Order());
    }

    [Fact]
    public void Nothing_goes_back_from_post_copy_to_a_status_in_which_the_source_runs() =>
        Assert.DoesNotContain(
            MigrationStates.NextOf(MigrationStatus.PostcopyActive).Concat(MigrationStates.NextOf(MigrationStatus.PostcopyPaused)),
            status =>
                status is MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Cancelling or MigrationStatus.Cancelled);
}
