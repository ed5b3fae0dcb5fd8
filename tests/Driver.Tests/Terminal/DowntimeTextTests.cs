using Livebed.Driver.Terminal;
using Livebed.Driver.Tests.Results;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Tests.Terminal;

/// <summary>A downtime over its limit is said with its parts.</summary>
public sealed class DowntimeTextTests
{
    [Fact]
    public void An_overrun_names_its_parts_the_longest_first()
    {
        var over = SampleResults.Migration with
        {
            Status = MigrationStatus.Completed,
            Downtime = 391,
            DowntimeLimit = 148,
            DowntimeParts = new(3, 121, 2, 265),
        };
        Assert.Equal(
            "stood still for 391ms, with a limit of 148ms: the destination's take-over 265ms, the last pages 121ms, the final sync 3ms, "
                + "vCPU state 2ms",
            DowntimeText.Overrun(over));
    }

    [Theory]
    [InlineData(MigrationStatus.Completed, 148)]
    [InlineData(MigrationStatus.Failed, 391)]
    public void Within_its_limit_or_not_moved_there_is_nothing_to_say(MigrationStatus status, double downtime) =>
        Assert.Null(DowntimeText.Overrun(SampleResults.Migration with { Status = status, Downtime = downtime, DowntimeLimit = 148 }));
}
