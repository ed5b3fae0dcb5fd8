using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>When pages of faults go back to the host, and what becomes of them when a call fails.</summary>
public sealed class KeptPagesTests
{
    private static readonly Operation _op = new(new OperationId(1), OperationKind.Fault);

    private readonly SlowHost _host = new();
    private readonly KeptPages _pages;

    public KeptPagesTests() => _pages = new KeptPages(new TestWorld(), _host, mutant: null);

    [Fact]
    public async Task A_fault_alone_gives_its_page_back_when_it_ends()
    {
        await EndAsync(FaultInAsync());
        Assert.Equal(["fault", "put 1"], _host.Calls);
    }

    [Fact]
    public async Task A_page_is_kept_while_another_fault_is_under_way_and_goes_with_the_next_call()
    {
        var (first, second) = (FaultInAsync(), FaultInAsync());
        await EndAsync(first);
        var third = FaultInAsync();
        await EndAsync(second);
        await EndAsync(third);
        Assert.Equal(["fault", "fault", "fault after put 1", "put 2 3"], _host.Calls);
    }

    [Fact]
    public async Task A_fault_that_gets_no_page_and_ends_last_gives_back_what_others_have_kept()
    {
        var (first, second) = (FaultInAsync(), FaultInAsync());
        await EndAsync(first);
        _host.Answer(new HostPage(HostPageStatus.NoMemory, Pfn.None, Writable: false));
        await second;
        await _pages.NoPageAsync(_op);
        Assert.Equal(["fault", "fault", "put 1"], _host.Calls);
    }

    [Fact]
    public async Task A_call_that_fails_sends_no_page_again_and_keeps_none_of_others()
    {
        var (first, second) = (FaultInAsync(), FaultInAsync());
        await EndAsync(first);
        var third = FaultInAsync();
        await EndAsync(second);
        _host.Fail(new TimeoutException());
        await Assert.ThrowsAsync<TimeoutException>(async () => await third);
        await _pages.NoPageAsync(_op);
        Assert.Equal(["fault", "fault", "fault after put 1", "put 2"], _host.Calls);

        await EndAsync(FaultInAsync());
        Assert.Equal(["fault", "put 3"], _host.Calls[4..]);
    }

    private ValueTask<HostPage> FaultInAsync() => _pages.FaultInAsync(_op, new Hva(0), write: true);

    private async Task EndAsync(ValueTask<HostPage> fault)
    {
        _host.Answer();
        await _pages.PutPageAsync(_op, (await fault).Pfn);
    }

    /// <summary>Answers the calls of faults in their order, when it is told to.</summary>
    private sealed class SlowHost : IPageCalls
    {
        private readonly Queue<TaskCompletionSource<HostPage>> _waiting = [];
        private int _given;

        public List<string> Calls { get; } = [];

        public void Answer() => Answer(new HostPage(HostPageStatus.Ok, new Pfn(++_given), Writable: true));
        public void Answer(HostPage page) => _waiting.Dequeue().SetResult(page);
        public void Fail(Exception failure) => _waiting.Dequeue().SetException(failure);

        public ValueTask<HostPage> FaultInAsync(Operation op, Hva hva, bool write, Pfn[]? put)
        {
            Calls.Add(put is null ? "fault" : $"fault after {Text(put)}");
            var answer = new TaskCompletionSource<HostPage>();
            _waiting.Enqueue(answer);
            return new ValueTask<HostPage>(answer.Task);
        }

        public ValueTask PutPagesAsync(Operation op, Pfn[] pages)
        {
            Calls.Add(Text(pages));
            return ValueTask.CompletedTask;
        }

        private static string Text(Pfn[] pages) => $"put {string.Join(' ', pages.Select(page => page.Value))}";
    }
}
