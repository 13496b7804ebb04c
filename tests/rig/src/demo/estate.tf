# The infrastructure of the demo. Only what Terraform has built in: no provider has to be fetched.
variable "nodes" {
  type = set(string)
}
# Where the nodes are: a file each, which says when it was made.
variable "place" {
  type = string
}
# Empty databases, made on a server that has none yet.
variable "databases" {
  type    = set(string)
  default = []
}
variable "server" {
  type    = string
  default = ""
}
variable "psql" {
  type    = string
  default = ""
}

resource "terraform_data" "node" {
  for_each = var.nodes
  input    = "${var.place}/${each.key}"

  provisioner "local-exec" {
    command     = "date +%s.%N > \"$FILE\""
    environment = { FILE = self.input }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "rm -f \"$FILE\""
    environment = { FILE = self.output }
  }
}

resource "terraform_data" "database" {
  for_each = var.databases

  provisioner "local-exec" {
    command     = "\"$PSQL\" -Xq -v ON_ERROR_STOP=1 -d \"$SERVER\" -c \"create database $NAME owner lms\""
    environment = { PSQL = var.psql, SERVER = var.server, NAME = each.key }
  }
}

output "nodes" {
  value = sort(keys(terraform_data.node))
}
