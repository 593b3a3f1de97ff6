"""Makes an account at moto's server from the generated templates, and tells what is in it.

Usage: account.py URL FOLDER NAME. The answer is JSON on standard output. Moto's CloudFormation
lacks some types; what others need of those gets an ARN of the right form here.
"""

import json
import sys

import boto3
import yaml

URL, FOLDER, NAME = sys.argv[1:]
PREFIX = "ap-northeast-1:123456789012"

# The exports whose resources moto does not make.
STANDINS = {
    f"{NAME}-connection": f"arn:aws:codeconnections:{PREFIX}:connection/connection",
    f"{NAME}-registry-secret": f"arn:aws:secretsmanager:{PREFIX}:secret:registry",
}


def client(service):
    return boto3.client(
        service,
        endpoint_url=URL,
        region_name="ap-northeast-1",
        aws_access_key_id="tester",
        aws_secret_access_key="secret",
    )


CLOUDFORMATION, ECS, IAM = client("cloudformation"), client("ecs"), client("iam")


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions in their long form."""


def long_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", long_form)


def template(file):
    with open(f"{FOLDER}/{file}", encoding="utf-8") as text:
        return yaml.load(text, Loader)


def replaced(value, replace):
    """The value with every function that `replace` has an answer for replaced."""
    if isinstance(value, dict):
        if len(value) == 1:
            answer = replace(*next(iter(value.items())))
            if answer is not None:
                return answer
        return {key: replaced(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, replace) for item in value]
    return value


def create(stack, document, **parameters):
    """Makes a stack, and gives its resources' physical names by their logical ones."""
    resources = document["Resources"]

    def standin(function, argument):
        if function == "Fn::ImportValue":
            return STANDINS.get(argument)
        if function == "Fn::GetAtt" and resources[argument[0]]["Type"] == "AWS::CodeBuild::Project":
            return f"arn:aws:codebuild:{PREFIX}:project/{argument[0]}"
        return None

    CLOUDFORMATION.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(replaced(document, standin)),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    made = CLOUDFORMATION.describe_stack_resources(StackName=stack)["StackResources"]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in made
        if "PhysicalResourceId" in resource
    }


def environment(name, network):
    """An environment's containers by service."""
    document = template("environment.yaml")
    images = {key: "none" for key in document["Parameters"] if key.endswith("Image")}
    made = create(f"{NAME}-{name}", document, Environment=name, **images, **network)
    cluster = made["Cluster"]
    services = ECS.describe_services(
        cluster=cluster,
        services=[arn for key, arn in made.items() if key.endswith("Service")],
    )["services"]

    def containers(service):
        task = ECS.describe_task_definition(taskDefinition=service["taskDefinition"])
        return task["taskDefinition"]["containerDefinitions"]

    return {
        "cluster": cluster,
        "services": {service["serviceName"]: containers(service) for service in services},
        "counts": [service["desiredCount"] for service in services],
    }


def network():
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)
        for index, zone in enumerate(["ap-northeast-1a", "ap-northeast-1c"])
    ]
    subnets = ",".join(subnet["Subnet"]["SubnetId"] for subnet in subnets)
    return {"VpcId": vpc, "LoadBalancerSubnets": subnets, "TaskSubnets": subnets}


def lowered(value, key=None):
    """CloudFormation's keys as the API of CodePipeline has them."""
    if isinstance(value, list):
        return [lowered(item) for item in value]
    # The keys of a configuration are each provider's own.
    if not isinstance(value, dict) or key == "Configuration":
        return value
    return {name[0].lower() + name[1:]: lowered(item, name) for name, item in value.items()}


def pipeline(document, given, made):
    """Makes the pipeline by its own API, which CloudFormation calls, and reads it again."""
    exports = {export["Name"]: export.get("Value") for export in CLOUDFORMATION.list_exports()["Exports"]}
    exports.update(STANDINS)
    parameters = document["Parameters"]

    def answer(function, argument):
        if function == "Fn::ImportValue":
            return exports[argument]
        if function == "Ref":
            if argument in parameters:
                return given.get(argument, parameters[argument].get("Default"))
            return made.get(argument, argument)
        if function == "Fn::GetAtt":
            return f"arn:aws:iam::123456789012:role/{made[argument[0]]}"
        return None

    structure = lowered(replaced(document["Resources"]["Pipeline"]["Properties"], answer))
    api = client("codepipeline")
    # The library refuses keys that the API does not know.
    api.create_pipeline(pipeline=structure)
    # What an answer has in any case.
    structure["version"] = 1
    for stage in structure["stages"]:
        for action in stage["actions"]:
            for key, default in [("runOrder", 1), ("inputArtifacts", []), ("outputArtifacts", [])]:
                action.setdefault(key, default)
    return {"wanted": structure, "got": api.get_pipeline(name=NAME)["pipeline"]}


def statements():
    """All statements of the roles and policies, with the role or policy that has them."""
    documents = {}
    for role in IAM.list_roles()["Roles"]:
        for policy in IAM.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            found = IAM.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)
            documents[role["RoleName"]] = found["PolicyDocument"]
    for policy in IAM.list_policies(Scope="Local")["Policies"]:
        found = IAM.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        documents[policy["PolicyName"]] = found["PolicyVersion"]["Document"]
    # Moto gives some of them as Python writes them.
    read = lambda document: yaml.safe_load(document) if isinstance(document, str) else document
    return {name: read(document)["Statement"] for name, document in documents.items()}


def main():
    foundation = create(
        f"{NAME}-foundation", template("foundation.yaml"), ApproverEmail="someone@example.com"
    )
    shared = network()
    environments = {name: environment(name, shared) for name in ["staging", "production"]}
    document = template("pipeline.yaml")
    given = {"Repository": "owner/repository"}
    made = create(f"{NAME}-pipeline", document, **given)
    s3, sns = client("s3"), client("sns")
    bucket = foundation["Artifacts"]
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=foundation["Approvals"])
    answer = {
        "environments": environments,
        "pipeline": pipeline(document, given, made),
        "statements": statements(),
        "roles": {key: value for key, value in made.items() if key.endswith("Role")},
        "keys": [
            rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
            for rule in encryption["Rules"]
        ],
        "key": foundation["Key"],
        "subscriptions": [item["Endpoint"] for item in subscriptions["Subscriptions"]],
    }
    json.dump(answer, sys.stdout, default=str)


main()
