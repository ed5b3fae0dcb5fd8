using CsCheck;
using Livebed.Grains.Actors;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

public sealed class RememberedResultsTests
{
    [Fact]
    public async Task A_repeated_command_runs_once_and_gets_the_first_result()
    {
        var results = new RememberedResults<int>(4);
        var runs = 0;
        Task<int> Command() => Task.FromResult(++runs);
        Assert.Equal(1, await results.GetOrStart(new OperationId(7), Command));
        Assert.Equal(1, await results.GetOrStart(new OperationId(7), Command));
        Assert.Equal(2, await results.GetOrStart(new OperationId(8), Command));
    }

    [Fact]
    public async Task A_command_repeated_while_the_first_still_runs_waits_for_that_one()
    {
        var results = new RememberedResults<int>(4);
        var gate = new TaskCompletionSource<int>();
        var first = results.GetOrStart(new OperationId(1), () => gate.Task);
        var second = results.GetOrStart(new OperationId(1), () => throw new InvalidOperationException("ran twice"));
        Assert.False(second.IsCompleted);
        gate.SetResult(5);
        Assert.Equal(5, await first);
        Assert.Equal(5, await second);
    }

    [Fact]
    public async Task A_failure_is_remembered_as_a_failure_even_when_thrown_at_once()
    {
        var results = new RememberedResults<int>(4);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => results.GetOrStart(new OperationId(1), () => throw new InvalidOperationException("first")));
        await Assert.ThrowsAsync<InvalidOperationException>(() => results.GetOrStart(new OperationId(1), () => Task.FromResult(1)));
    }

    [Fact]
    public void A_command_that_comes_back_to_itself_finds_itself()
    {
        var results = new RememberedResults<int>(4);
        Task<int>? inner = null;
        var outer = results.GetOrStart(new OperationId(1), () =>
        {
            inner = results.GetOrStart(new OperationId(1), () => Task.FromResult(2));
            return Task.FromResult(1);
        });
        Assert.Same(outer, inner);
    }

    [Fact]
    public async Task Full_of_running_commands_refuses_another_without_starting_it()
    {
        var results = new RememberedResults<int>(2);
        var running = new TaskCompletionSource<int>();
        var first = results.GetOrStart(new OperationId(1), () => running.Task);
        _ = results.GetOrStart(new OperationId(2), () => running.Task);
        var started = false;
        Task<int> Command()
        {
            started = true;
            return Task.FromResult(3);
        }

        var failure = await Assert.ThrowsAsync<TooManyOperationsException>(() => results.GetOrStart(new OperationId(3), Command));
        Assert.Contains("all 2 operations", failure.Message, StringComparison.Ordinal);
        Assert.False(started);
        running.SetResult(0);
        await first;
        await results.GetOrStart(new OperationId(3), Command);
        Assert.True(started);
    }

    /// <summary>Against a model: any mix of finished and running commands, never more than the capacity, no running one forgotten,
    /// and of the finished the oldest goes first.</summary>
    [Fact]
    public void The_oldest_finished_result_leaves_and_a_running_one_never_does() =>
        Gen.Select(Gen.Int[1, 6], Gen.Select(Gen.Long[1, 12], Gen.Bool).List[0, 60]).Sample((capacity, commands) =>
        {
            var results = new RememberedResults<int>(capacity);
            var model = new List<(long Id, bool Finished)>();
            foreach (var (id, finishes) in commands)
            {
                var known = model.Exists(entry => entry.Id == id);
                var full = !known && model.Count == capacity;
                var victim = model.FindIndex(entry => entry.Finished);
                var ran = false;
                Task<int> Command()
                {
                    ran = true;
                    return finishes ? Task.FromResult(0) : new TaskCompletionSource<int>().Task;
                }

                if (full && victim < 0)
                {
                    var refused = results.GetOrStart(new OperationId(id), Command);
                    Assert.IsType<TooManyOperationsException>(refused.Exception?.InnerException);
                    Assert.False(ran);
                    continue;
                }

                results.GetOrStart(new OperationId(id), Command);
                Assert.Equal(!known, ran);
                if (full) model.RemoveAt(victim);
                if (!known) model.Add((id, finishes));
                Assert.Equal(model.Count, results.Count);
            }
        });
}
