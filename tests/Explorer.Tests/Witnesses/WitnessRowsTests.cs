using Livebed.Explorer.Witnesses;

namespace Livebed.Explorer.Tests.Witnesses;

public sealed class WitnessRowsTests
{
    [Fact]
    public void Steps_that_show_nothing_are_left_out() =>
        Assert.Equal(
            ["note"],
            Texts([
                new(1, "a", WitnessKind.Step, "begins"), new(2, "a", WitnessKind.Note, "note"), new(3, "a", WitnessKind.Step, "goes on"),
            ]));

    [Fact]
    public void Locks_of_one_lane_in_a_row_are_one_row_and_those_of_another_are_not() =>
        Assert.Equal(
            ["takes x, y; drops x", "takes x", "waits for y, held by b", "drops y"],
            Texts([
                new(1, "a", WitnessKind.Takes, "x"), new(1, "a", WitnessKind.Takes, "y"), new(2, "a", WitnessKind.Drops, "x"),
                new(3, "b", WitnessKind.Takes, "x"), new(4, "a", WitnessKind.Waits, "y, held by b"), new(5, "a", WitnessKind.Drops, "y"),
            ]));

    [Fact]
    public void What_is_repeated_is_shown_once_with_the_number_of_times()
    {
        var entries = new List<WitnessEntry> { new(1, "a", WitnessKind.Note, "first") };
        for (var i = 0; i < 400; i++)
            entries.AddRange([new(2 * i + 2, "a", WitnessKind.Note, "fault"), new(2 * i + 3, "a", WitnessKind.Note, "retry")]);
        entries.Add(new(900, "a", WitnessKind.Note, "last"));
        Assert.Equal(["first", "fault", "retry", "... these 2 rows 399 times more", "last"], Texts(entries));
    }

    [Fact]
    public void What_happens_twice_is_shown_twice() =>
        Assert.Equal(["note", "note"], Texts([new(1, "a", WitnessKind.Note, "note"), new(2, "a", WitnessKind.Note, "note")]));

    [Fact]
    public void Only_the_steps_that_were_asked_for_are_shown() =>
        Assert.Equal(
            [5L, 6L],
            WitnessRows.Of(Enumerable.Range(1, 10)
                .Select(step => new WitnessEntry(step, $"lane {step}", WitnessKind.Note, "x")), from: 5, until: 6).Select(row => row.Step));

    private static IEnumerable<string> Texts(IEnumerable<WitnessEntry> entries) => WitnessRows.Of(entries).Select(row => row.Text);
}
