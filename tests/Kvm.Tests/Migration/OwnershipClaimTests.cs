using Livebed.Kvm.Migration;
using Livebed.Kvm.Tests.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>A claim that gets answers of a replaced inventory, or no answer from its host.</summary>
public class OwnershipClaimTests
{
    private const string Vm = "vm-3";
    private const string Claimant = "host-0";
    private const string Other = "host-1";

    private readonly TestWorld _world = new();
    private readonly Answers _inventory = new();
    private readonly Books _books;

    public OwnershipClaimTests() => _books = new Books(new HostOwnership(_world, Claimant));

    /// <summary>The other's claim was granted by an inventory that was lost with it, and the next one has never heard of it.</summary>
    [Fact]
    public void A_no_of_an_inventory_that_was_replaced_is_no_no() => Run(async claim =>
    {
        _books.HostOwnership.Report(2);
        _inventory.Will(
            new Ownership(OwnershipStatus.Refused, Other, 2, Term: 1), new Ownership(OwnershipStatus.Granted, Claimant, 2, Term: 2));
        Assert.Equal(OwnershipStatus.Granted, (await claim()).Status);
        Assert.True(_books.HostOwnership.Owns(Vm, 2));
    });

    [Fact]
    public void A_yes_of_an_inventory_that_was_replaced_is_asked_for_again() => Run(async claim =>
    {
        _books.HostOwnership.Report(2);
        _inventory.Will(
            new Ownership(OwnershipStatus.Granted, Claimant, 2, Term: 1), new Ownership(OwnershipStatus.Refused, Other, 2, Term: 2));
        Assert.Equal((OwnershipStatus.Refused, Other), await Told(claim));
        Assert.False(_books.HostOwnership.Owns(Vm, 2));
    });

    [Fact]
    public void Books_that_do_not_answer_may_have_the_VM_and_are_asked_again() => Run(async claim =>
    {
        _books.AnswersLost = 1;
        _inventory.Will(
            new Ownership(OwnershipStatus.Granted, Claimant, 2, Term: 1), new Ownership(OwnershipStatus.Refused, Claimant, 2, Term: 1));
        Assert.Equal((OwnershipStatus.Granted, Claimant), await Told(claim));
        Assert.True(_books.HostOwnership.Owns(Vm, 2));
    });

    [Fact]
    public void Who_is_never_answered_is_told_that_and_no_more() => Run(async claim => Assert.Equal(Ownership.Lost, await claim()));

    [Fact]
    public void A_claim_that_was_granted_unheard_is_taken_back_with_the_VM() => _world.Run(async () =>
    {
        var register = new VmInventory(_world);
        _books.HostOwnership.Record(Vm, register.Register(Vm, Claimant));
        register.Claim(Vm, 1, Claimant);
        await OwnershipRemoval.MakeAsync(_world, new PlainInventory(register), _books, Removing, Vm, epoch: 1);
        Assert.Equal(0, register.Find(Vm).Epoch);
        Assert.Empty(_books.HostOwnership.Report(2)!);
    });

    [Fact]
    public void A_VM_that_has_moved_and_come_back_is_not_taken_back_with_what_it_left() => _world.Run(async () =>
    {
        var register = new VmInventory(_world);
        register.Register(Vm, Claimant);
        register.Claim(Vm, 1, Other);
        _books.HostOwnership.Record(Vm, register.Claim(Vm, 2, Claimant));
        await OwnershipRemoval.MakeAsync(_world, new PlainInventory(register), _books, Removing, Vm, epoch: 1);
        Assert.Equal((Claimant, 3L), register.Owners[Vm]);
        Assert.True(_books.HostOwnership.Owns(Vm, 3));
    });

    private static Operation Removing => new(new OperationId(1), OperationKind.VmDestroy);

    private void Run(Func<Func<ValueTask<Ownership>>, Task> body) =>
        _world.Run(() =>
        {
            var op = new Operation(new OperationId(1), OperationKind.Migration);
            return body(() => OwnershipClaim.MakeAsync(_world, _inventory, _books, op, Vm, epoch: 1));
        });

    private static async Task<(OwnershipStatus Status, string Host)> Told(Func<ValueTask<Ownership>> claim)
    {
        var answer = await claim();
        return (answer.Status, answer.Host);
    }

    /// <summary>Answers claims as it was told to, and after that not at all.</summary>
    private sealed class Answers : IVmInventory
    {
        private readonly Queue<Ownership> _answers = new();

        public void Will(params Ownership[] answers) => Array.ForEach(answers, _answers.Enqueue);

        public ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host) =>
            ValueTask.FromResult(_answers.TryDequeue(out var answer) ? answer : Ownership.Lost);

        public ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host) => throw new NotSupportedException();

        public ValueTask<Ownership> FindAsync(Operation op, string vm) => throw new NotSupportedException();

        public ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch) => throw new NotSupportedException();
    }

    /// <summary>A host's record that loses its first answers.</summary>
    private sealed class Books(HostOwnership ownership) : IHostOwnership
    {
        public HostOwnership HostOwnership => ownership;

        public int AnswersLost { get; set; }

        public string Host => ownership.Host;

        public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer)
        {
            var taken = ownership.Record(vm, answer);
            return ValueTask.FromResult(AnswersLost-- > 0 ? OwnershipStatus.Lost : taken);
        }

        public ValueTask ReleaseAsync(string vm, long epoch)
        {
            ownership.Release(vm, epoch);
            return ValueTask.CompletedTask;
        }
    }
}
